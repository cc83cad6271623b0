#include "handles.h"
#include "shim.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <c10/core/GradMode.h>
#include <torch/version.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

namespace diffract
{
namespace
{
std::atomic<int64_t> live_tensors{0};
}

std::string& last_error()
{
    thread_local std::string text;
    return text;
}

void* handle_of(at::Tensor tensor)
{
    if (!tensor.defined())
    {
        return nullptr;
    }
    auto* handle = new at::Tensor(std::move(tensor));
    live_tensors.fetch_add(1, std::memory_order_relaxed);
    return handle;
}

void free_handle(void* handle)
{
    delete static_cast<at::Tensor*>(handle);
    live_tensors.fetch_sub(1, std::memory_order_relaxed);
}
} // namespace diffract

using namespace diffract;

namespace
{
// A GPU may round the factors of float32 convolutions and products to 10 bits (TF32) unless told.
[[maybe_unused]] const int exact_float32 = guarded([] {
    at::globalContext().setAllowTF32CuDNN(false);
    at::globalContext().setAllowTF32CuBLAS(false);
});

const int64_t* integers(const DiffractValue& value) { return static_cast<const int64_t*>(value.pointer); }

// The list of a value in the element type that the schema asks for.
c10::IValue list_value(const DiffractValue& value, const c10::TypePtr& element)
{
    auto fill = [&](auto list, auto convert)
    {
        list.reserve(value.count);
        for (int i = 0; i < value.count; i++)
        {
            list.push_back(convert(i));
        }
        return c10::IValue(std::move(list));
    };
    switch (value.kind)
    {
    case DIFFRACT_INT_LIST:
        if (element->kind() == c10::TypeKind::FloatType)
        {
            return fill(c10::List<double>(), [&](int i) { return static_cast<double>(integers(value)[i]); });
        }
        if (element->kind() == c10::TypeKind::BoolType)
        {
            return fill(c10::List<bool>(), [&](int i) { return integers(value)[i] != 0; });
        }
        return fill(c10::List<int64_t>(), [&](int i) { return integers(value)[i]; });
    case DIFFRACT_DOUBLE_LIST:
        return fill(c10::List<double>(), [&](int i) { return static_cast<const double*>(value.pointer)[i]; });
    default:
        auto handle = [&](int i) { return static_cast<void* const*>(value.pointer)[i]; };
        if (element->kind() == c10::TypeKind::OptionalType)
        {
            return fill(c10::List<c10::optional<at::Tensor>>(),
                        [&](int i) { return handle(i) ? c10::optional<at::Tensor>(tensor_of(handle(i))) : c10::nullopt; });
        }
        return fill(c10::List<at::Tensor>(), [&](int i) { return tensor_of(handle(i)); });
    }
}

c10::IValue argument_value(const DiffractValue& value, c10::TypePtr type)
{
    if (value.kind == DIFFRACT_NONE)
    {
        return {};
    }
    if (type->kind() == c10::TypeKind::OptionalType)
    {
        type = type->expectRef<c10::OptionalType>().getElementType();
    }
    switch (value.kind)
    {
    case DIFFRACT_TENSOR:
        return tensor_of(value.pointer);
    case DIFFRACT_INT:
        return type->kind() == c10::TypeKind::FloatType  ? c10::IValue(static_cast<double>(value.integer))
               : type->kind() == c10::TypeKind::BoolType ? c10::IValue(value.integer != 0)
               : type->kind() == c10::TypeKind::ListType ? c10::IValue(c10::List<int64_t>({value.integer}))
                                                         : c10::IValue(value.integer);
    case DIFFRACT_DOUBLE:
        return value.real;
    case DIFFRACT_BOOL:
        return value.integer != 0;
    case DIFFRACT_STRING:
    {
        std::string text(static_cast<const char*>(value.pointer), value.count);
        return type->kind() == c10::TypeKind::DeviceObjType ? c10::IValue(c10::Device(text)) : c10::IValue(std::move(text));
    }
    default:
        TORCH_CHECK(type->kind() == c10::TypeKind::ListType, "a list was given where the schema has ", type->str());
        return list_value(value, type->expectRef<c10::ListType>().getElementType());
    }
}

void* allocate(size_t bytes)
{
    void* memory = std::malloc(bytes ? bytes : 1);
    if (!memory)
    {
        throw std::bad_alloc();
    }
    return memory;
}

DiffractValue result_value(c10::IValue&& value)
{
    DiffractValue result{};
    if (value.isTensor())
    {
        result.pointer = handle_of(std::move(value).toTensor());
        result.kind = result.pointer ? DIFFRACT_TENSOR : DIFFRACT_NONE;
    }
    else if (value.isInt())
    {
        result.kind = DIFFRACT_INT;
        result.integer = value.toInt();
    }
    else if (value.isDouble())
    {
        result.kind = DIFFRACT_DOUBLE;
        result.real = value.toDouble();
    }
    else if (value.isBool())
    {
        result.kind = DIFFRACT_BOOL;
        result.integer = value.toBool();
    }
    else if (value.isString())
    {
        const auto& text = value.toStringRef();
        result.kind = DIFFRACT_STRING;
        result.count = static_cast<int32_t>(text.size());
        result.pointer = allocate(text.size());
        std::memcpy(result.pointer, text.data(), text.size());
    }
    else if (value.isTensorList())
    {
        auto list = value.toTensorVector();
        result.kind = DIFFRACT_TENSOR_LIST;
        result.count = static_cast<int32_t>(list.size());
        auto** handles = static_cast<void**>(allocate(list.size() * sizeof(void*)));
        result.pointer = handles;
        for (auto& tensor : list)
        {
            *handles++ = handle_of(std::move(tensor));
        }
    }
    else
    {
        TORCH_CHECK(value.isNone(), "results of type ", value.tagKind(), " are not passed on");
    }
    return result;
}
} // namespace

int diffract_call(const char* name, const char* overload, const DiffractValue* arguments, int argument_count,
                  DiffractValue* results, int capacity, int* result_count)
{
    *result_count = 0;
    return guarded([&] {
        auto handle = c10::Dispatcher::singleton().findSchema({name, overload});
        TORCH_CHECK(handle.has_value(), "libtorch ", TORCH_VERSION, " has no such operator");
        const auto& schema = handle->schema();
        const auto& parameters = schema.arguments();
        TORCH_CHECK(static_cast<size_t>(argument_count) <= parameters.size(), argument_count, " arguments were given, the schema is ", schema);
        torch::jit::Stack stack;
        stack.reserve(std::max(parameters.size(), schema.returns().size()));
        for (size_t i = 0; i < parameters.size(); i++)
        {
            if (i < static_cast<size_t>(argument_count))
            {
                stack.push_back(argument_value(arguments[i], parameters[i].type()));
                continue;
            }
            TORCH_CHECK(parameters[i].default_value().has_value(), "argument '", parameters[i].name(), "' is missing, the schema is ", schema);
            stack.push_back(*parameters[i].default_value());
        }
        handle->callBoxed(stack);
        TORCH_CHECK(stack.size() <= static_cast<size_t>(capacity), stack.size(), " results, room for ", capacity);
        for (auto& value : stack)
        {
            results[*result_count] = result_value(std::move(value));
            ++*result_count;
        }
    });
}

int diffract_has_operator(const char* name, const char* overload)
{
    int found = 0;
    guarded([&] { found = c10::Dispatcher::singleton().findSchema({name, overload}).has_value(); });
    return found;
}

const char* diffract_last_error() { return last_error().c_str(); }

void diffract_free_tensor(void* tensor)
{
    guarded([&] { free_handle(tensor); });
}

void diffract_free_memory(void* memory) { std::free(memory); }

int diffract_alias(void* tensor, void** result)
{
    return guarded([&] { *result = handle_of(tensor_of(tensor)); });
}

int64_t diffract_live_tensors() { return live_tensors.load(std::memory_order_relaxed); }

int diffract_tensor_info(void* handle, DiffractTensorInfo* info)
{
    return guarded([&] {
        const auto& tensor = tensor_of(handle);
        TORCH_CHECK(tensor.dim() <= 16, "a tensor of ", tensor.dim(), " dimensions");
        info->dtype = static_cast<int32_t>(tensor.scalar_type());
        info->device = static_cast<int32_t>(tensor.device().type());
        info->device_index = tensor.device().index();
        info->dimensions = static_cast<int32_t>(tensor.dim());
        info->elements = tensor.numel();
        info->data = tensor.is_cpu() ? tensor.data_ptr() : nullptr;
        std::memcpy(info->sizes, tensor.sizes().data(), tensor.dim() * sizeof(int64_t));
        std::memcpy(info->strides, tensor.strides().data(), tensor.dim() * sizeof(int64_t));
    });
}

int diffract_tensor_over(void* data, const int64_t* sizes, const int64_t* strides, int dimensions, int dtype,
                         DiffractRelease release, void* context, void** result)
{
    return guarded([&] {
        auto options = at::TensorOptions().dtype(static_cast<at::ScalarType>(dtype));
        auto done = [release, context](void*) {
            if (release)
            {
                release(context);
            }
        };
        *result = handle_of(at::from_blob(data, {sizes, static_cast<size_t>(dimensions)}, {strides, static_cast<size_t>(dimensions)}, done, options));
    });
}

int diffract_requires_grad(void* tensor, int set)
{
    int state = -1;
    guarded([&] {
        if (set >= 0)
        {
            tensor_of(tensor).set_requires_grad(set != 0);
        }
        state = tensor_of(tensor).requires_grad();
    });
    return state;
}

int diffract_grad(void* tensor, void** result)
{
    return guarded([&] { *result = handle_of(tensor_of(tensor).grad()); });
}

int diffract_clear_grad(void* tensor)
{
    return guarded([&] { tensor_of(tensor).mutable_grad() = at::Tensor(); });
}

int diffract_backward(void* tensor, void* gradient, int keep_graph)
{
    return guarded([&] { tensor_of(tensor).backward(gradient ? tensor_of(gradient) : at::Tensor(), keep_graph != 0); });
}

int diffract_grad_mode(int set)
{
    if (set >= 0)
    {
        c10::GradMode::set_enabled(set != 0);
    }
    return c10::GradMode::is_enabled();
}

int diffract_threads(int set)
{
    int threads = 0;
    guarded([&] {
        if (set > 0)
        {
            at::set_num_threads(set);
        }
        threads = at::get_num_threads();
    });
    return threads;
}

int diffract_manual_seed(uint64_t seed)
{
    return guarded([&] { at::manual_seed(seed); });
}

int diffract_cuda_devices()
{
    int devices = 0;
    guarded([&] { devices = at::globalContext().hasCUDA() ? at::detail::getCUDAHooks().getNumGPUs() : 0; });
    return devices;
}

const char* diffract_version() { return TORCH_VERSION; }

const char* diffract_build_information()
{
    static std::string text;
    guarded([&] { text = at::show_config() + at::get_parallel_info(); });
    return text.c_str();
}
