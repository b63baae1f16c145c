# ZEST_CUDA=ON adds the CUDA backend: the objects `cuda`, the addon zest_cuda.node and, with ZEST_TESTS, zest_gpu_check.
# AUTO only says whether it could be built, so that a plain build is the same on every machine.
if(NOT ZEST_CUDA MATCHES "^(AUTO|ON|OFF)$")
  message(FATAL_ERROR "ZEST_CUDA is '${ZEST_CUDA}'; expected AUTO, ON or OFF")
elseif(ZEST_CUDA STREQUAL "OFF")
  return()
endif()

find_program(ZEST_NVCC nvcc HINTS $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin /usr/local/cuda/bin)
if(ZEST_CUDA STREQUAL "AUTO")
  if(ZEST_NVCC)
    message(STATUS "CUDA compiler: ${ZEST_NVCC}; `npm run build:cuda` or ZEST_CUDA=ON builds the CUDA backend")
  else()
    message(STATUS "CUDA compiler: not found; building for the CPU")
  endif()
  return()
elseif(NOT ZEST_NVCC)
  message(FATAL_ERROR "ZEST_CUDA=ON, but no CUDA compiler was found: install the CUDA toolkit 13, or name its folder in CUDA_HOME")
endif()

# Before enable_language: it would choose an architecture of its own.
set(CMAKE_CUDA_ARCHITECTURES ${ZEST_CUDA_ARCHITECTURES})
set(CMAKE_CUDA_COMPILER ${ZEST_NVCC})
enable_language(CUDA)
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION) # CMake before 3.26 does not know it for nvcc
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
endif()
find_package(CUDAToolkit 13 REQUIRED)

add_library(cuda OBJECT ${zest_cuda})
set_target_properties(cuda PROPERTIES CUDA_RUNTIME_LIBRARY Static)
target_compile_options(cuda PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:${zest_flags_cuda}>")
if(ZEST_WERROR) # and tells what scripts/check-spills.mjs reads
  target_compile_options(cuda PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings;-Xptxas=-v>")
endif()
target_include_directories(cuda SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
