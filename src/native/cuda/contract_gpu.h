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
  extern __shared__ __align__(1024) unsigned char name##_bytes[]; \
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
template <class T>
LDC_DEVICE T* typed(char* bytes) {
  return reinterpret_cast<T*>(bytes);
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

LDC_DEVICE uint32_t float_bits(float x) { return __float_as_uint(x); }
LDC_DEVICE float bits_float(uint32_t bits) { return __uint_as_float(bits); }

// Two floats as BF16 in one word, nearest even; `low` in the low half.
LDC_DEVICE uint32_t pack_bf16(float low, float high) {
  const __nv_bfloat162 pair = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<const uint32_t*>(&pair);
}

LDC_DEVICE Float4 load4(const float* p) { return *reinterpret_cast<const Float4*>(p); }
LDC_DEVICE void store4(float* p, Float4 v) { *reinterpret_cast<Float4*>(p) = v; }
LDC_DEVICE void store2(float* p, float x, float y) { *reinterpret_cast<float2*>(p) = {x, y}; }
LDC_DEVICE Float4 load4(const Bf16* p) {
  const uint2 words = *reinterpret_cast<const uint2*>(p);
  return {bits_float(words.x << 16), bits_float(words.x & 0xffff0000u), bits_float(words.y << 16), bits_float(words.y & 0xffff0000u)};
}
LDC_DEVICE void store4(Bf16* p, Float4 v) { *reinterpret_cast<uint2*>(p) = {pack_bf16(v.x, v.y), pack_bf16(v.z, v.w)}; }
LDC_DEVICE void store2(Bf16* p, float x, float y) { *reinterpret_cast<uint32_t*>(p) = pack_bf16(x, y); }

// ---- copies that run behind the thread's back (sm_80; before that they are done at once) -----------------------------------
// Copies 16 bytes, or writes 16 zero bytes where valid is false: four floats, or eight BF16 as four words.
template <class T>
LDC_DEVICE void copy_async(float* to, const T* from, bool valid) {
#if __CUDA_ARCH__ >= 800
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(to));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(address), "l"(from), "r"(valid ? 16 : 0) : "memory");
#else
  store4(to, valid ? *reinterpret_cast<const Float4*>(from) : Float4{0, 0, 0, 0});
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

// x as an operand of a tensor core, which does not look at the lower 13 bits: rounded as by round_tf32, these bits are whatever is left.
LDC_DEVICE uint32_t tf32_bits(float x) {
  const uint32_t bits = __float_as_uint(x);
  return fabsf(x) < INFINITY ? bits + 0x1000u : bits;
}

// Four 8x4 matrices of words: lane l gives the address of row l % 8 of matrix l / 8 (16 bytes, aligned) and receives of
// every matrix the word at row l / 4, column l % 4.
LDC_DEVICE void load_matrix(uint32_t (&r)[4], const float* row) {
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
               : "r"(address)
               : "memory");
}

// Four 8x8 matrices of BF16, addressed as above: the lane receives of every matrix column l / 4 of rows 2 (l % 4), low, and 2 (l % 4) + 1.
LDC_DEVICE void load_transposed(uint32_t (&r)[4], const float* row) {
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
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
#else
  __trap();  // never launched (precision_for()); were it, an error is better than sums of nothing
#endif
}

// c += a b, a 16x16 and b 16x8 in BF16, c 16x8 in float32 (PTX ISA, mma.m16n8k16).
LDC_DEVICE void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if __CUDA_ARCH__ >= 800
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  __trap();  // never launched (precision_for()); were it, an error is better than sums of nothing
#endif
}

// ---- warp-group MMA (sm_90a alone) ---------------------------------------------------------------------------------------------
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
#define LDC_ON_SM90A(...) asm volatile(__VA_ARGS__)
#else
#define LDC_ON_SM90A(...) __trap()  // never launched (has_wgmma()); were it, an error is better than sums of nothing
#endif

// Whether the current GPU and this build have it: compute capability 9.0 and code for 90a.
inline bool has_wgmma() {
#if defined(LDC_CUDA_SM90A)
  int number = 0, major = 0, minor = 0;
  check(cudaGetDevice(&number), "device");
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, number), "device");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, number), "device");
  return major == 9 && minor == 0 && !wgmma_refused();
#else
  return false;
#endif
}

// A warp group's 64 x kN sums: thread t has rows 16 (t / 32) + t % 32 / 4 + 8 (i / 2 % 2), columns 8 (i / 4) + 2 (t % 4) + i % 2.
// Not to be touched from wgmma_tf32 to wgmma_wait.
template <int kN>
struct WgmmaSum {
  float sum[kN / 2];

  LDC_DEVICE void clear() {
#pragma unroll
    for (int i = 0; i < kN / 2; ++i) sum[i] = 0;
  }
  // Behind wgmma_wait<0>: no read of the sums moves before it.
  LDC_DEVICE void settled() {
#pragma unroll
    for (int i = 0; i < kN / 2; ++i) asm volatile("" : "+f"(sum[i])::"memory");
  }
  LDC_DEVICE float operator[](int i) const { return sum[i]; }
};

// Makes the thread's writes to shared memory so far visible to wgmma, for all threads that meet it at the next barrier.
LDC_DEVICE void fence_async_proxy() { LDC_ON_SM90A("fence.proxy.async.shared::cta;" ::: "memory"); }
// Between the last touch of sums or `a` and the next wgmma.
LDC_DEVICE void wgmma_fence() { LDC_ON_SM90A("wgmma.fence.sync.aligned;" ::: "memory"); }
LDC_DEVICE void wgmma_commit() { LDC_ON_SM90A("wgmma.commit_group.sync.aligned;" ::: "memory"); }
// Waits until at most `Left` of the committed groups are still on their way.
template <int Left>
LDC_DEVICE void wgmma_wait() {
  LDC_ON_SM90A("wgmma.wait_group.sync.aligned %0;" ::"n"(Left) : "memory");
}

// The descriptor of a matrix at p.
LDC_DEVICE uint64_t swizzled_rows(const float* p) {
  return kSwizzledRows | (static_cast<uint32_t>(__cvta_generic_to_shared(p)) & 0x3ffff) >> 4;
}

// Sums as operands: their places in the text, and what stands there.
#define LDC_PLACES64 \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31}"
#define LDC_PLACES128 \
  "{%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
  "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, " \
  "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
  "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}"
#define LDC_SUM4(i) "+f"(c.sum[i]), "+f"(c.sum[i + 1]), "+f"(c.sum[i + 2]), "+f"(c.sum[i + 3])
#define LDC_SUM16(i) LDC_SUM4(i), LDC_SUM4(i + 4), LDC_SUM4(i + 8), LDC_SUM4(i + 12)

// c += a b: a 64x8, of which each warp has 16 rows as in mma_tf32; b 8xkN, the columns as swizzled rows in shared memory.
template <int kN>
LDC_DEVICE void wgmma_tf32(WgmmaSum<kN>& c, const uint32_t (&a)[4], uint64_t rows) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  static_assert(kN == 64 || kN == 128);
  if constexpr (kN == 64) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k8.f32.tf32.tf32 " LDC_PLACES64 ", {%32, %33, %34, %35}, %36, 1, 1, 1;"
                 : LDC_SUM16(0), LDC_SUM16(16)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(rows));
  } else {
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k8.f32.tf32.tf32 " LDC_PLACES128 ", {%64, %65, %66, %67}, %68, 1, 1, 1;"
                 : LDC_SUM16(0), LDC_SUM16(16), LDC_SUM16(32), LDC_SUM16(48)
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(rows));
  }
#else
  __trap();
#endif
}

// c += a b: a 64x16 and b 16xkN in BF16, the rows of a and the columns of b as swizzled rows in shared memory.
template <int kN>
LDC_DEVICE void wgmma_bf16(WgmmaSum<kN>& c, uint64_t a, uint64_t b) {
#if defined(__CUDA_ARCH_FEAT_SM90_ALL)
  static_assert(kN == 64 || kN == 128);
  if constexpr (kN == 64) {
    asm volatile("wgmma.mma_async.sync.aligned.m64n64k16.f32.bf16.bf16 " LDC_PLACES64 ", %32, %33, 1, 1, 1, 0, 0;"
                 : LDC_SUM16(0), LDC_SUM16(16)
                 : "l"(a), "l"(b));
  } else {
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 " LDC_PLACES128 ", %64, %65, 1, 1, 1, 0, 0;"
                 : LDC_SUM16(0), LDC_SUM16(16), LDC_SUM16(32), LDC_SUM16(48)
                 : "l"(a), "l"(b));
  }
#else
  __trap();
#endif
}
#undef LDC_PLACES64
#undef LDC_PLACES128
#undef LDC_SUM4
#undef LDC_SUM16

// Of an H100: a constant, so that tiles, and the bits of sums that are cut for it, are the same on every GPU.
constexpr int64_t multiprocessors() { return 132; }

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
