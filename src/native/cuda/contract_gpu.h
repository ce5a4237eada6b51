// The device body of contract.h, for nvcc.
#pragma once

#include <cooperative_groups.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <stdexcept>
#include <string>

#define LDC_TARGET gpu
#define LDC_DEVICE __device__ __forceinline__
#define LDC_LAMBDA __device__
#define LDC_KERNEL __global__
#define LDC_BOUNDS(threads, blocks) __launch_bounds__(threads, blocks)
#define LDC_SHARED(type, name, count) __shared__ alignas(16) type name[count]
#define LDC_DYNAMIC_SHARED(type, name)                            \
  extern __shared__ __align__(16) unsigned char name##_bytes[]; \
  type* const name = reinterpret_cast<type*>(name##_bytes)

namespace ldc::cuda::gpu {

template <class T>
using Global = T*;
template <class T>
using Shared = T*;
using Stream = cudaStream_t;

template <class T>
inline T* global(T* data) {
  return data;
}

inline void check(cudaError_t status, const char* what) {
  if (status != cudaSuccess) throw std::runtime_error(std::string(what) + ": " + cudaGetErrorString(status));
}

LDC_DEVICE void sync_block() { __syncthreads(); }
LDC_DEVICE void sync_warp() { __syncwarp(); }
LDC_DEVICE void sync_grid() { cooperative_groups::this_grid().sync(); }

template <class T>
LDC_DEVICE T shuffle_xor(T value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}

LDC_DEVICE Float4 load4(const float* p) { return *reinterpret_cast<const Float4*>(p); }
LDC_DEVICE void store4(float* p, Float4 v) { *reinterpret_cast<Float4*>(p) = v; }
LDC_DEVICE void store2(float* p, float x, float y) { *reinterpret_cast<float2*>(p) = {x, y}; }

// ---- copies that run behind the thread's back (sm_80; before that they are done at once) -----------------------------------
// Copies 16 bytes, or writes 16 zero bytes where valid is false.
LDC_DEVICE void copy_async(float* to, const float* from, bool valid) {
#if __CUDA_ARCH__ >= 800
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(valid ? 16 : 0) : "memory");
#else
  store4(to, valid ? load4(from) : Float4{0, 0, 0, 0});
#endif
}
LDC_DEVICE void copy_async_commit() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}
// Waits until at most `Left` of the thread's committed groups are still on their way.
template <int Left>
LDC_DEVICE void copy_async_wait() {
#if __CUDA_ARCH__ >= 800
  asm volatile("cp.async.wait_group %0;" ::"n"(Left) : "memory");
#endif
}

// ---- tensor cores ---------------------------------------------------------------------------------------------------------
// float to TF32 (8 bits of exponent, 10 of mantissa), nearest, ties away from zero.
LDC_DEVICE float round_tf32(float x) {
#if __CUDA_ARCH__ >= 800
  unsigned bits;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
  return __uint_as_float(bits);
#else
  return x;
#endif
}

// Two floats as BF16 in one word, nearest even; `low` in the low half.
LDC_DEVICE uint32_t pack_bf16(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}

LDC_DEVICE uint32_t float_bits(float x) { return __float_as_uint(x); }
LDC_DEVICE float bits_float(uint32_t bits) { return __uint_as_float(bits); }

// Four 8x4 matrices of floats: lane l gives the address of row l % 8 of matrix l / 8 (16 bytes, aligned) and receives of
// every matrix the element at row l / 4, column l % 4.
LDC_DEVICE void load_matrix(uint32_t (&r)[4], const float* row) {
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

// c += a b, a 16x8 and b 8x8 in TF32, c 16x8 in float32 (PTX ISA, mma.m16n8k8).
LDC_DEVICE void mma_tf32(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// c += a b, a 16x16 and b 16x8 in BF16, c 16x8 in float32 (PTX ISA, mma.m16n8k16).
LDC_DEVICE void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#endif
}

// ---- launches -------------------------------------------------------------------------------------------------------------
inline dim3 dimensions(Grid grid) {
  return dim3(static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), static_cast<unsigned>(grid.z));
}

// Shared memory above 48 KiB has to be asked for, once a kernel.
template <class... P, class... A>
inline void launch(Stream stream, void (*kernel)(P...), Grid grid, int threads, size_t shared_bytes, A... arguments) {
  if (shared_bytes > 48 * 1024) {
    check(cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel), cudaFuncAttributeMaxDynamicSharedMemorySize,
                               static_cast<int>(shared_bytes)),
          "shared memory");
  }
  kernel<<<dimensions(grid), static_cast<unsigned>(threads), shared_bytes, stream>>>(arguments...);
  check(cudaGetLastError(), "launch");
}

// All blocks run at the same time, so that they may meet in sync_grid().
template <class... P, class... A>
inline void launch_cooperative(Stream stream, void (*kernel)(P...), int64_t blocks, int threads, A... arguments) {
  void* list[] = {&arguments...};
  check(cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(kernel), dimensions({blocks}),
                                    dim3(static_cast<unsigned>(threads)), list, 0, stream),
        "cooperative launch");
}

}  // namespace ldc::cuda::gpu
