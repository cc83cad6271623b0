# Finds libtorch and makes the target `libtorch` of it. In this order:
#   1. LIBTORCH (-DLIBTORCH=... or the environment): a folder with include/ and lib/, such as the unpacked archive or the
#      `torch` folder of pip's package;
#   2. the torch of the user's python3;
#   3. the system's (Debian and Ubuntu: libtorch-dev).
# libtorch's own TorchConfig.cmake is not used: pip's asks for a CUDA toolkit even where only the headers are needed.

if(NOT LIBTORCH)
    set(LIBTORCH "$ENV{LIBTORCH}")
endif()
if(NOT LIBTORCH)
    execute_process(COMMAND python3 ${CMAKE_CURRENT_LIST_DIR}/python_torch.py
        OUTPUT_VARIABLE LIBTORCH OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()

if(LIBTORCH)
    get_filename_component(LIBTORCH "${LIBTORCH}" ABSOLUTE)
    set(libtorch_where PATHS "${LIBTORCH}/include" "${LIBTORCH}/lib" NO_DEFAULT_PATH)
endif()
find_path(LIBTORCH_INCLUDE ATen/ATen.h ${libtorch_where} NO_CACHE)
find_path(LIBTORCH_API torch/version.h PATHS "${LIBTORCH_INCLUDE}" "${LIBTORCH_INCLUDE}/torch/csrc/api/include" NO_DEFAULT_PATH NO_CACHE)
find_library(LIBTORCH_CPU torch_cpu ${libtorch_where} NO_CACHE)
if(NOT LIBTORCH_INCLUDE OR NOT LIBTORCH_API OR NOT LIBTORCH_CPU)
    message(FATAL_ERROR "libtorch was not found in '${LIBTORCH}' (ATen/ATen.h: ${LIBTORCH_INCLUDE}, torch/version.h: ${LIBTORCH_API}, "
        "libtorch_cpu: ${LIBTORCH_CPU}).\nSet LIBTORCH to a folder that holds libtorch's include/ and lib/, or install libtorch-dev.")
endif()
get_filename_component(LIBTORCH_LIB "${LIBTORCH_CPU}" DIRECTORY)

# Old wheels were built with the old std::string: the name of a function that takes one tells which.
file(STRINGS "${LIBTORCH_LIB}/libc10.so" libtorch_names REGEX "torchCheckFail")
if(libtorch_names MATCHES "__cxx11")
    set(LIBTORCH_CXX11_ABI 1)
else()
    set(LIBTORCH_CXX11_ABI 0)
endif()

# The headers say which C++ they ask for; the sources here need 17.
file(STRINGS "${LIBTORCH_INCLUDE}/ATen/ATen.h" libtorch_standard REGEX "C\\+\\+[0-9]+ or later")
string(REGEX REPLACE ".*C\\+\\+([0-9]+) or later.*" "\\1" libtorch_standard "${libtorch_standard}")
if(NOT libtorch_standard MATCHES "^[0-9]+$" OR libtorch_standard LESS 17)
    set(libtorch_standard 17)
endif()

file(STRINGS "${LIBTORCH_API}/torch/version.h" LIBTORCH_VERSION REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX REPLACE "[^0-9]*([0-9]+)[^0-9]+([0-9]+)[^0-9]+([0-9]+).*" "\\1.\\2.\\3" LIBTORCH_VERSION "${LIBTORCH_VERSION}")
if(LIBTORCH_VERSION VERSION_LESS 1.13)
    message(FATAL_ERROR "libtorch ${LIBTORCH_VERSION} in ${LIBTORCH_LIB} is too old: 1.13 or later is needed. LIBTORCH can name another.")
endif()
file(WRITE "${CMAKE_BINARY_DIR}/libtorch.txt" "${LIBTORCH_LIB}\n")   # for the set-up, which looks whether this libtorch has changed
message(STATUS "libtorch ${LIBTORCH_VERSION} in ${LIBTORCH_LIB} (C++${libtorch_standard}, _GLIBCXX_USE_CXX11_ABI=${LIBTORCH_CXX11_ABI})")

add_library(libtorch INTERFACE)
target_include_directories(libtorch SYSTEM INTERFACE "${LIBTORCH_INCLUDE}" "${LIBTORCH_API}")
target_compile_definitions(libtorch INTERFACE _GLIBCXX_USE_CXX11_ABI=${LIBTORCH_CXX11_ABI})
target_compile_features(libtorch INTERFACE cxx_std_${libtorch_standard})

# --no-as-needed: libtorch_cuda registers its operators when it is loaded, no function of it is called by name.
target_link_libraries(libtorch INTERFACE -Wl,--no-as-needed)
foreach(name torch torch_cpu torch_cuda c10 c10_cuda)
    if(EXISTS "${LIBTORCH_LIB}/lib${name}.so")
        target_link_libraries(libtorch INTERFACE "${LIBTORCH_LIB}/lib${name}.so")
    endif()
endforeach()

# at::parallel_for is inline and runs in parallel only where OpenMP is on. The runtime must be libtorch's own, or the
# process has two pools of threads: archives and wheels bring theirs along, Debian's libtorch uses the compiler's.
find_package(OpenMP COMPONENTS CXX)
if(OpenMP_CXX_FOUND)
    separate_arguments(libtorch_openmp UNIX_COMMAND "${OpenMP_CXX_FLAGS}")
    target_compile_options(libtorch INTERFACE ${libtorch_openmp})
    file(GLOB libtorch_gomp "${LIBTORCH_LIB}/libgomp*.so*" "${LIBTORCH_LIB}/../../torch.libs/libgomp*.so*")
    if(libtorch_gomp AND LIBTORCH)
        list(GET libtorch_gomp 0 libtorch_gomp)
        target_link_libraries(libtorch INTERFACE "${libtorch_gomp}")
    else()
        target_link_libraries(libtorch INTERFACE OpenMP::OpenMP_CXX)
    endif()
endif()
