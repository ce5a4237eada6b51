// The tile unit: eight tiles of 16 rows of 64 bytes, and TDPBF16PS, which multiplies two of them (Intel SDM, volume 2).
//
// Compiled twice, in a namespace each: `amx` is the processor's own unit, `emulated_amx` has the same bits on any machine.
//   multiply_add  c[16][16] float32 += a[16][32] bf16 x b[16][16][2] bf16: rows of b are pairs of the sum's index. The products
//                 of even and of odd indices are two chains of fused multiply-adds from zero; their sum is added to c. Rounds to
//                 nearest even, takes denormal numbers as zero and flushes denormal results.
//   round         32 float32 to bf16 (VCVTNE2PS2BF16): nearest even, denormals as zero, NaN stays one
// Assembler rather than GCC 12's intrinsics, which do not say that a tile load reads memory: stores before it may come after.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "../vec.h"

namespace ldc::cpu::LDC_ISA {

constexpr int64_t kTileRows = 16, kTileBytes = 1024, kRowBytes = 64;

#if LDC_TILES_HARDWARE

struct TileUnit {
  template <int T>
  void zero() {
    asm volatile("tilezero %%tmm%c0" : : "i"(T));
  }
  template <int T>
  void load(const void* p, int64_t stride) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" : : "r"(p), "r"(stride), "i"(T) : "memory");
  }
  template <int T>
  void store(void* p, int64_t stride) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" : : "r"(p), "r"(stride), "i"(T) : "memory");
  }
  template <int C, int A, int B>
  void multiply_add() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" : : "i"(C), "i"(A), "i"(B));
  }
  static void round(Vec low, Vec high, uint16_t* to) {
    asm("vcvtne2ps2bf16 %1, %2, %0" : "=v"(low.v) : "v"(low.v), "v"(high.v));
    _mm512_storeu_ps(to, low.v);
  }
};

// A thread's tiles have no shape before this; it costs little when it is called again.
inline void configure_tiles() {
  thread_local bool done = false;
  if (done) return;
  struct alignas(64) {
    uint8_t palette = 1, start_row = 0, reserved[14] = {};
    uint16_t row_bytes[16] = {};
    uint8_t rows[16] = {};
  } shape;
  for (int i = 0; i < 8; ++i) shape.row_bytes[i] = kRowBytes, shape.rows[i] = kTileRows;
  asm volatile("ldtilecfg %0" : : "m"(shape));
  done = true;
}

#else

inline float without_denormals(float x) { return std::fabs(x) < 0x1p-126f ? std::copysign(0.0f, x) : x; }

// The same for a sum that was rounded once. What lies so close below 2^-126 that it is rounded there counts as denormal when it is
// one with 24 bits of mantissa and an exponent without limits.
inline float flushed(float rounded, double exact) {
  const bool tiny = std::fabs(rounded) <= 0x1p-126f && std::fabs(exact) < 0x1p-126 - 0x1p-151;
  return tiny ? std::copysign(0.0f, rounded) : rounded;
}

inline float float_of(uint16_t bf16) {
  const uint32_t bits = static_cast<uint32_t>(bf16) << 16;
  float x;
  std::memcpy(&x, &bits, 4);
  return without_denormals(x);
}

class TileUnit {
 public:
  template <int T>
  void zero() {
    std::memset(tiles_[T], 0, kTileBytes);
  }
  template <int T>
  void load(const void* p, int64_t stride) {
    for (int64_t r = 0; r < kTileRows; ++r) std::memcpy(tiles_[T] + r * kRowBytes, static_cast<const char*>(p) + r * stride, kRowBytes);
  }
  template <int T>
  void store(void* p, int64_t stride) {
    for (int64_t r = 0; r < kTileRows; ++r) std::memcpy(static_cast<char*>(p) + r * stride, tiles_[T] + r * kRowBytes, kRowBytes);
  }
  template <int C, int A, int B>
  void multiply_add() {
    uint16_t a[kTileRows][16][2], b[16][16][2];
    float c[kTileRows][16];
    std::memcpy(a, tiles_[A], kTileBytes), std::memcpy(b, tiles_[B], kTileBytes), std::memcpy(c, tiles_[C], kTileBytes);
    for (int64_t m = 0; m < kTileRows; ++m) {
      for (int64_t n = 0; n < 16; ++n) {
        float sum[2] = {};
        for (int64_t k = 0; k < 16; ++k) {
          for (int e = 0; e < 2; ++e) {
            const float x = float_of(a[m][k][e]), y = float_of(b[k][n][e]), before = sum[e];
            sum[e] = flushed(std::fma(x, y, before), static_cast<double>(x) * y + before);
          }
        }
        const float both = flushed(sum[0] + sum[1], static_cast<double>(sum[0]) + sum[1]), before = without_denormals(c[m][n]);
        c[m][n] = flushed(before + both, static_cast<double>(before) + both);
      }
    }
    std::memcpy(tiles_[C], c, kTileBytes);
  }
  static void round(const Vec& low, const Vec& high, uint16_t* to) {
    for (int i = 0; i < 32; ++i) {
      const float x = without_denormals(i < 16 ? low.v[i] : high.v[i - 16]);
      uint32_t bits;
      std::memcpy(&bits, &x, 4);
      to[i] = static_cast<uint16_t>(x != x ? bits >> 16 | 0x40 : (bits + 0x7fff + (bits >> 16 & 1)) >> 16);
    }
  }

 private:
  alignas(64) char tiles_[8][kTileBytes] = {};
};

inline void configure_tiles() {}

#endif

}  // namespace ldc::cpu::LDC_ISA
