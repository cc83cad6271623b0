// C interface over libtorch's operator dispatcher: every operator by name, with autograd, on every device.
// One to one with src/Diffract.Torch/Native.cs. A function that can fail returns 0 on success and 1 on failure;
// diffract_last_error then holds the native text (of this thread). No C++ exception leaves this file.
#pragma once
#include <stdint.h>

#if defined(_WIN32)
#define DIFFRACT_API extern "C" __declspec(dllexport)
#else
#define DIFFRACT_API extern "C" __attribute__((visibility("default")))
#endif

enum DiffractKind : int32_t
{
    DIFFRACT_NONE = 0,
    DIFFRACT_TENSOR = 1,
    DIFFRACT_INT = 2,
    DIFFRACT_DOUBLE = 3,
    DIFFRACT_BOOL = 4,
    DIFFRACT_INT_LIST = 5,
    DIFFRACT_DOUBLE_LIST = 6,
    DIFFRACT_TENSOR_LIST = 7, // an entry may be null where the operator takes optional tensors
    DIFFRACT_STRING = 8,      // also a device, such as "cuda:0"
};

struct DiffractValue
{
    int32_t kind;
    int32_t count; // entries of a list, bytes of a string
    union
    {
        int64_t integer;
        double real;
        void* pointer; // a tensor handle, or the list's or the string's memory
    };
};

struct DiffractTensorInfo
{
    int32_t dtype, device, device_index, dimensions;
    int64_t elements;
    void* data; // null where the memory is not the host's
    int64_t sizes[16], strides[16];
};

typedef void (*DiffractRelease)(void* context);

// Calls operator `name`.`overload`. Arguments beyond `argument_count` take the schema's defaults. Results are owned by
// the caller: tensors by diffract_free_tensor, lists and strings by diffract_free_memory.
DIFFRACT_API int diffract_call(const char* name, const char* overload, const DiffractValue* arguments, int argument_count,
                               DiffractValue* results, int capacity, int* result_count);
DIFFRACT_API int diffract_has_operator(const char* name, const char* overload);
DIFFRACT_API const char* diffract_last_error();

DIFFRACT_API void diffract_free_tensor(void* tensor);
DIFFRACT_API void diffract_free_memory(void* memory);
DIFFRACT_API int diffract_alias(void* tensor, void** result); // a second handle to the same tensor
DIFFRACT_API int64_t diffract_live_tensors();                 // handles not yet freed
DIFFRACT_API int diffract_tensor_info(void* tensor, DiffractTensorInfo* info);
DIFFRACT_API int diffract_tensor_over(void* data, const int64_t* sizes, const int64_t* strides, int dimensions, int dtype,
                                      DiffractRelease release, void* context, void** result); // a tensor over foreign memory

DIFFRACT_API int diffract_requires_grad(void* tensor, int set); // set: 1 on, 0 off, -1 only ask; result 0 or 1
DIFFRACT_API int diffract_grad(void* tensor, void** result);     // null where there is none
DIFFRACT_API int diffract_clear_grad(void* tensor);
DIFFRACT_API int diffract_backward(void* tensor, void* gradient, int keep_graph);
DIFFRACT_API int diffract_grad_mode(int set); // as diffract_requires_grad

// Computes the gradients of a recomputed value: from the inputs as they were and the value's gradient, all handles the callee's to free, to handles
// of the inputs' gradients (null: none). Returns 0, or writes its error text.
typedef int (*DiffractRecompute)(void* context, void* const* inputs, int count, void* gradient, void** gradients, char* error, int capacity);
// The value, computed from the inputs without a record, with a record that keeps the inputs and calls back in the backward pass. Owns the context.
DIFFRACT_API int diffract_recomputed(void* value, void* const* inputs, int count, DiffractRecompute recompute, DiffractRelease release, void* context,
                                     void** result);

DIFFRACT_API int diffract_threads(int set); // set > 0 sets; returns the number in use
DIFFRACT_API int diffract_manual_seed(uint64_t seed);
DIFFRACT_API int diffract_cuda_devices(); // 0 where there is none
DIFFRACT_API const char* diffract_version();
DIFFRACT_API const char* diffract_build_information();
