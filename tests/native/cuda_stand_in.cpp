// A CUDA device for machines that have none, so that everything that runs with `--device cuda` can be tested there. It takes the
// place of libtorch_cuda: tensors of device "cuda:0" whose memory the processor cannot reach by their addresses, and operators
// that compute on the processor once every argument has been checked to be on the device. What a GPU would refuse is refused:
//   - tensors of both devices in one operator (but for single values, copies, and indices on the processor),
//   - operators that a GPU does not have: the project's own kernels and oneDNN's,
// and whoever reads a tensor's memory without copying it to the processor ends the process. It says nothing of speed, rounding, or
// types that a GPU has no kernels for. The names of operators that ran are written to the file that CUDA_STAND_IN_OPERATORS names.
#include <ATen/ATen.h>
#include <ATen/EmptyTensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/CPUAllocator.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/library.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace
{
const c10::Device device(c10::DeviceType::CUDA, 0);

// ---- Memory: addresses with a bit that no address of a process has.
constexpr uintptr_t mark = uintptr_t(1) << 62;

void* marked(const void* memory) { return memory ? reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(memory) | mark) : nullptr; }
void* unmarked(const void* memory) { return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(memory) & ~mark); }

void release(void* context) { delete static_cast<c10::DataPtr*>(context); }

c10::DataPtr on_device(c10::DataPtr&& memory)
{
    void* address = marked(memory.get());
    return {address, new c10::DataPtr(std::move(memory)), &release, device};
}

// Of functions that differ between versions of libtorch there is one for each, without `override`.
struct DeviceMemory final : c10::Allocator
{
    c10::DataPtr allocate(size_t bytes) { return on_device(c10::GetCPUAllocator()->allocate(bytes)); }
    c10::DataPtr allocate(size_t bytes) const { return on_device(c10::GetCPUAllocator()->allocate(bytes)); }
    void copy_data(void* to, const void* from, size_t bytes) const { std::memcpy(unmarked(to), unmarked(from), bytes); }
    c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
};

DeviceMemory device_memory;
const c10::DispatchKeySet device_keys(c10::DispatchKey::CUDA);

// ---- Tensors seen from the other side, over the same memory.
bool on_device(const at::Tensor& tensor) { return tensor.defined() && tensor.is_cuda(); }

void drop(void* kept) { delete static_cast<at::Tensor*>(kept); }

void* first_element(const at::Tensor& tensor) { return static_cast<char*>(unmarked(tensor.storage().data())) + tensor.storage_offset() * tensor.itemsize(); }

at::Tensor on_processor(const at::Tensor& tensor)
{
    if (!on_device(tensor))
    {
        return tensor;
    }
    c10::DataPtr memory(tensor.numel() ? first_element(tensor) : nullptr, new at::Tensor(tensor), &drop, c10::kCPU);
    const size_t bytes = at::detail::computeStorageNbytes(tensor.sizes(), tensor.strides(), tensor.itemsize());
    auto other = at::detail::make_tensor<c10::TensorImpl>(
        c10::Storage(c10::Storage::use_byte_size_t(), bytes, std::move(memory), c10::GetCPUAllocator(), true), c10::DispatchKeySet(c10::DispatchKey::CPU), tensor.dtype());
    other.unsafeGetTensorImpl()->set_sizes_and_strides(tensor.sizes(), tensor.strides());
    return other;
}

at::Tensor to_device(const at::Tensor& result)
{
    if (!result.defined() || on_device(result))
    {
        return result;
    }
    c10::DataPtr memory(marked(result.storage().data()), new at::Tensor(result), &drop, device);
    auto tensor = at::detail::make_tensor<c10::TensorImpl>(
        c10::Storage(c10::Storage::use_byte_size_t(), result.storage().nbytes(), std::move(memory), &device_memory, true), device_keys, result.dtype());
    tensor.unsafeGetTensorImpl()->set_sizes_and_strides(result.sizes(), result.strides(), result.storage_offset());
    return tensor;
}

// ---- Any operator: computed on the processor, in place where its schema writes.
// Single values of the processor are taken by operators that work element by element, and not written.
bool takes_single_values(const std::string& name)
{
    static const std::set<std::string> known{"add", "sub", "rsub", "mul", "div", "pow", "maximum", "minimum", "where", "eq", "ne", "lt", "le", "gt", "ge", "fill", "masked_fill", "lerp", "addcmul", "addcdiv", "clamp"};
    const auto last = name.back() == '_' ? name.size() - 1 : name.size();
    return known.count(name.substr(6, last - 6)) != 0; // after "aten::"
}

void check(const std::string& name, const at::Tensor& tensor, bool written)
{
    TORCH_CHECK(!tensor.defined() || on_device(tensor) || (tensor.dim() == 0 && !written && takes_single_values(name)),
                name, ": expected all tensors on cuda:0, found one of ", tensor.sizes(), " on ", tensor.device());
}

void note(const std::string& name)
{
    static const char* path = std::getenv("CUDA_STAND_IN_OPERATORS");
    static std::mutex gate;
    static std::set<std::string> seen;
    const std::lock_guard<std::mutex> lock(gate);
    if (path && seen.insert(name).second)
    {
        std::ofstream(path, std::ios::app) << name << '\n';
    }
}

// The argument on the processor; `pairs` collects what may have to be put back.
using Pairs = std::vector<std::pair<at::Tensor, at::Tensor>>;

at::Tensor taken(const std::string& name, const at::Tensor& tensor, bool written, Pairs& pairs)
{
    check(name, tensor, written);
    auto other = on_processor(tensor);
    if (on_device(tensor))
    {
        pairs.emplace_back(tensor, other);
    }
    return other;
}

c10::IValue taken(const std::string& name, const c10::IValue& value, bool written, Pairs& pairs)
{
    if (value.isTensor())
    {
        return taken(name, value.toTensor(), written, pairs);
    }
    if (value.isTensorList())
    {
        c10::List<at::Tensor> list;
        for (const at::Tensor& tensor : value.toTensorVector())
        {
            list.push_back(taken(name, tensor, written, pairs));
        }
        return list;
    }
    if (value.isOptionalTensorList()) // indices, which may be the processor's
    {
        c10::List<c10::optional<at::Tensor>> list;
        for (const c10::optional<at::Tensor>& tensor : value.toOptionalTensorVector())
        {
            list.push_back(!tensor ? c10::nullopt : c10::optional<at::Tensor>(on_device(*tensor) ? taken(name, *tensor, false, pairs) : *tensor));
        }
        return list;
    }
    return value.isDevice() ? c10::IValue(c10::Device(c10::kCPU)) : value;
}

void put_into(const at::Tensor& tensor, const at::Tensor& other)
{
    tensor.unsafeGetTensorImpl()->set_storage_keep_dtype(other.storage());
    tensor.unsafeGetTensorImpl()->set_sizes_and_strides(other.sizes(), other.strides());
}

// An output may have been given another shape, in memory of its own or made anew.
void put_back(const Pairs& pairs)
{
    for (const auto& [tensor, other] : pairs)
    {
        if (other.numel() && other.data_ptr() != first_element(tensor))
        {
            put_into(tensor, to_device(other));
        }
        else if (tensor.sizes() != other.sizes())
        {
            tensor.unsafeGetTensorImpl()->set_sizes_and_strides(other.sizes(), other.strides());
        }
    }
}

at::Tensor given(const at::Tensor& result, const Pairs& pairs)
{
    for (const auto& [tensor, other] : pairs)
    {
        if (result.is_same(other))
        {
            return tensor;
        }
    }
    return to_device(result);
}

c10::IValue given(const c10::IValue& value, const Pairs& pairs)
{
    if (value.isTensor())
    {
        return given(value.toTensor(), pairs);
    }
    if (value.isTensorList())
    {
        c10::List<at::Tensor> list;
        for (const at::Tensor& tensor : value.toTensorVector())
        {
            list.push_back(given(tensor, pairs));
        }
        return list;
    }
    return value;
}

void compute(const c10::OperatorHandle& operation, torch::jit::Stack* stack)
{
    const auto& name = operation.schema().name();
    TORCH_CHECK(name.rfind("diffract::", 0) != 0 && name.find("mkldnn") == std::string::npos, name, ": there is no such operator on cuda:0");
    note(name);
    const auto& arguments = operation.schema().arguments();
    const auto first = stack->size() - arguments.size();
    Pairs pairs;
    for (size_t i = 0; i < arguments.size(); i++)
    {
        const auto* alias = arguments[i].alias_info();
        (*stack)[first + i] = taken(name, (*stack)[first + i], alias && alias->isWrite(), pairs);
    }
    operation.redispatchBoxed(c10::DispatchKeySet(c10::DispatchKey::CPU), stack);
    put_back(pairs);
    for (auto& value : *stack)
    {
        value = given(value, pairs);
    }
}

// ---- What has no kernel to fall back to.
void check(c10::optional<at::Device> where) { TORCH_CHECK(!where || where->index() <= 0, "there is no ", *where, ": invalid device ordinal"); }

at::Tensor empty(at::IntArrayRef size, c10::optional<at::ScalarType> type, c10::optional<at::Layout>, c10::optional<at::Device> where, c10::optional<bool>, c10::optional<at::MemoryFormat> format)
{
    check(where);
    return at::detail::empty_generic(size, &device_memory, device_keys, type.value_or(at::kFloat), format);
}

at::Tensor empty_strided(at::IntArrayRef size, at::IntArrayRef stride, c10::optional<at::ScalarType> type, c10::optional<at::Layout>, c10::optional<at::Device> where, c10::optional<bool>)
{
    check(where);
    return at::detail::empty_strided_generic(size, stride, &device_memory, device_keys, type.value_or(at::kFloat));
}

const at::Tensor& resize(const at::Tensor& self, at::IntArrayRef size, c10::optional<at::MemoryFormat> format)
{
    if (self.sizes() != size)
    {
        put_into(self, empty(size, self.scalar_type(), {}, {}, {}, format)); // what it held goes: only results are resized here
    }
    return self;
}

at::Tensor& copy(at::Tensor& self, const at::Tensor& source, bool)
{
    on_processor(self).copy_(on_processor(source));
    return self;
}

at::Scalar single_value(const at::Tensor& self) { return on_processor(self).item(); }

at::Tensor as_strided(const at::Tensor& self, at::IntArrayRef size, at::IntArrayRef stride, c10::optional<int64_t> offset) { return at::native::as_strided_tensorimpl(self, size, stride, offset); }

// ---- The device as libtorch asks for it.
struct Hooks final : at::CUDAHooksInterface
{
    explicit Hooks(at::CUDAHooksArgs) {}
    bool hasCUDA() const override { return true; }
    int getNumGPUs() const override { return 1; }
    decltype(std::declval<at::CUDAHooksInterface>().current_device()) current_device() const override { return 0; }
    void initCUDA() const {}
    void init() const {}
    bool hasPrimaryContext(int64_t) const { return true; }
    bool hasPrimaryContext(c10::DeviceIndex) const { return true; }
    bool isPinnedPtr(void*) const { return false; }
    bool isPinnedPtr(const void*) const { return false; }
    const at::Generator& getDefaultCUDAGenerator(c10::DeviceIndex) const { return at::detail::getDefaultCPUGenerator(); }
    const at::Generator& getDefaultGenerator(c10::DeviceIndex) const { return at::detail::getDefaultCPUGenerator(); }
};

struct Guard final : c10::impl::DeviceGuardImplInterface
{
    explicit Guard(c10::DeviceType) {}
    c10::DeviceType type() const override { return c10::DeviceType::CUDA; }
    c10::Device exchangeDevice(c10::Device) const override { return device; }
    c10::Device getDevice() const override { return device; }
    void setDevice(c10::Device) const override {}
    void uncheckedSetDevice(c10::Device) const noexcept override {}
    c10::Stream getStream(c10::Device) const noexcept override { return c10::Stream(c10::Stream::DEFAULT, device); }
    c10::Stream getDefaultStream(c10::Device) const override { return c10::Stream(c10::Stream::DEFAULT, device); }
    c10::Stream exchangeStream(c10::Stream stream) const noexcept override { return stream; }
    c10::DeviceIndex deviceCount() const noexcept override { return 1; }
};

const c10::impl::DeviceGuardImplRegistrar guard(c10::DeviceType::CUDA, new Guard(c10::DeviceType::CUDA));
} // namespace

namespace at
{
C10_REGISTER_TYPED_CLASS(CUDAHooksRegistry, "CUDAHooks", Hooks)
} // namespace at

TORCH_LIBRARY_IMPL(_, CUDA, library) { library.fallback(torch::CppFunction::makeFromBoxedFunction<&compute>()); }

TORCH_LIBRARY_IMPL(aten, CUDA, library)
{
    library.impl("empty.memory_format", empty);
    library.impl("empty_strided", empty_strided);
    library.impl("resize_", resize);
    library.impl("copy_", copy);
    library.impl("_local_scalar_dense", single_value);
    library.impl("as_strided", as_strided);
    library.impl("view", at::native::view);
    library.impl("_reshape_alias", at::native::_reshape_alias);
}
