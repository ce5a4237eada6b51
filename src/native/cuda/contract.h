// The one header through which every .cu source reaches the machine: memory, barriers, shuffles, tensor cores, launches.
// It has two bodies with the same names: contract_gpu.h for nvcc, emulator/contract_host.h for a host compiler, where the
// same sources run on fibers with every access checked. A source that uses nothing else runs on both.
//
//   Global<T>, Shared<T>      pointers; on the GPU plain ones, on the host checked (bounds, alignment, uninitialised, races)
//   LDC_SHARED(T, name, n)    a shared array of the block;  LDC_DYNAMIC_SHARED(T, name) of the size given at launch
//   threadIdx, blockIdx, ...  as in CUDA
//   sync_block, sync_warp, sync_grid (cooperative launches only), shuffle_xor     all threads of the group take part
//   load4, store4, store2     that many elements, aligned to all of them; bf16 becomes float32 and is rounded to
//   typed<T>                  bytes as elements
//   copy_async, copy_async_commit, copy_async_wait<n>    global to shared behind the thread's back, 16 bytes
//   load_matrix, load_transposed, mma_tf32, mma_bf16, round_tf32, tf32_bits, pack_bf16      tensor cores and their number formats
//   has_wgmma, wgmma_tf32, wgmma_bf16, WgmmaSum, wgmma_fence, wgmma_commit, wgmma_wait<n>, swizzled_rows, fence_async_proxy      warp-group
//                             MMA: 128 threads, asynchronous, one operand or both read from shared memory through descriptors
//   multiprocessors           of the GPU that tiles are chosen for
//   launch, launch_cooperative
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "../tensor.h"
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

constexpr int kWarp = 32, kWarpGroup = 128;

// ---- descriptors of warp-group MMA (PTX ISA, "Asynchronous warpgroup-level matrix shared memory layout") --------------------
// Swizzling by 128 bytes exchanges the 16-byte groups of a row by the row's number in its eight, taken from the address: address
// bits 4-6 are XORed with bits 7-9. The pattern repeats every 1024 bytes.
constexpr size_t kSwizzlePeriod = 1024;

// Of a matrix whose rows have K side by side, 128 bytes a row, swizzled: bits 0-13 the address, 16-29 the leading offset (unused in
// this layout), 32-45 the distance of eight rows, all by 16 bytes, 62-63 the mode. The address is that of the first row, plus 32 bytes
// for each eight words of K before those that are multiplied.
constexpr uint64_t kSwizzledRows = uint64_t{1} << 16 | uint64_t{8 * 128 / 16} << 32 | uint64_t{1} << 62;

// Whether LDC_CUDA_WGMMA=0 asks for mma.sync on every GPU.
inline bool wgmma_refused() {
  const char* wish = std::getenv("LDC_CUDA_WGMMA");
  return wish != nullptr && std::strcmp(wish, "0") == 0;
}

}  // namespace ldc::cuda

#if defined(LDC_EMULATED)
#include "emulator/contract_host.h"
#else
#include "contract_gpu.h"
#endif
