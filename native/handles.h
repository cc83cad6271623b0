// What the shim's sources share: handles to tensors, and the thread's error text.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <utility>

namespace diffract
{
std::string& last_error();

inline at::Tensor& tensor_of(void* handle) { return *static_cast<at::Tensor*>(handle); }
void* handle_of(at::Tensor tensor); // null for an undefined tensor
void free_handle(void* handle);

// Runs the body; whatever it throws becomes the thread's error text.
template <typename Body>
int guarded(Body body) noexcept
{
    try
    {
        body();
        return 0;
    }
    catch (const c10::Error& error)
    {
        last_error() = error.what_without_backtrace();
    }
    catch (const std::exception& error)
    {
        last_error() = error.what();
    }
    catch (...)
    {
        last_error() = "a native failure that is no std::exception";
    }
    return 1;
}
} // namespace diffract
