// The one header through which every .cu source reaches the machine: memory, barriers, shuffles, tensor cores, launches.
// It has two bodies with the same names: contract_gpu.h for nvcc, emulator/contract_host.h for a host compiler, where the
// same sources run on fibers with every access checked. A source that uses nothing else runs on both.
//
//   Global<T>, Shared<T>      pointers; on the GPU plain ones, on the host checked (bounds, alignment, uninitialised, races)
//   LDC_SHARED(T, name, n)    a shared array of the block;  LDC_DYNAMIC_SHARED(T, name) of the size given at launch
//   threadIdx, blockIdx, ...  as in CUDA
//   sync_block, sync_warp, sync_grid (cooperative launches only), shuffle_xor     all threads of the group take part
//   load4, store4, store2     16 and 8 bytes, aligned
//   copy_async, copy_async_commit, copy_async_wait<n>    global to shared behind the thread's back, 16 bytes
//   load_matrix, mma_tf32, mma_bf16, round_tf32, pack_bf16      tensor cores and their number formats
//   launch, launch_cooperative
#pragma once

#include <cmath>
#include <cstdint>

#include "precision.h"

namespace ldc::cuda {

// Four floats, 16-byte aligned.
struct alignas(16) Float4 {
  float x, y, z, w;
};

// Numbers of blocks of a launch.
struct Grid {
  int64_t x = 1, y = 1, z = 1;
};

constexpr int kWarp = 32;

}  // namespace ldc::cuda

#if defined(LDC_EMULATED)
#include "emulator/contract_host.h"
#else
#include "contract_gpu.h"
#endif
