// Vec: 16 float lanes, written three times: one AVX-512 register, two AVX2 registers, or an array. Pair: 32 lanes, two of them.
// Line<T> is what a cache line of T has: a Vec of float, a Pair of bf16, which is float in registers and rounded where it is stored.
//
// A kernel written once over Vec does the same operations in the same order on every lane whatever the instruction set, so
// its results are bit-identical everywhere. Only fma() fuses; max() returns b where a is not greater (a NaN in a gives b).
// stream() stores past the cache, to a 64-byte aligned address.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "../tensor.h"

#if LDC_ISA_LEVEL >= 1
#include <immintrin.h>
#endif

namespace ldc::cpu::LDC_ISA {

#if LDC_ISA_LEVEL == 2  // AVX-512

struct Vec {
  static constexpr int64_t kLanes = 16;
  __m512 v;
  static Vec zero() { return {_mm512_setzero_ps()}; }
  static Vec all(float x) { return {_mm512_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm512_loadu_ps(p)}; }
  void store(float* p) const { _mm512_storeu_ps(p, v); }
  void stream(float* p) const { _mm512_stream_ps(p, v); }
};
inline Vec operator+(Vec a, Vec b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm512_div_ps(a.v, b.v)}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }  // a b + c, one rounding
inline Vec max(Vec a, Vec b) { return {_mm512_max_ps(a.v, b.v)}; }
inline Vec min(Vec a, Vec b) { return {_mm512_min_ps(a.v, b.v)}; }
inline Vec sqrt(Vec a) { return {_mm512_sqrt_ps(a.v)}; }
// x where key > 0, else 0.
inline Vec where_positive(Vec key, Vec x) {
  return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(key.v, _mm512_setzero_ps(), _CMP_GT_OQ), x.v)};
}

#elif LDC_ISA_LEVEL == 1  // AVX2 + FMA

struct Vec {
  static constexpr int64_t kLanes = 16;
  __m256 lo, hi;
  static Vec zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static Vec all(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static Vec load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  void store(float* p) const {
    _mm256_storeu_ps(p, lo);
    _mm256_storeu_ps(p + 8, hi);
  }
  void stream(float* p) const {
    _mm256_stream_ps(p, lo);
    _mm256_stream_ps(p + 8, hi);
  }
};
inline Vec operator+(Vec a, Vec b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
inline Vec operator-(Vec a, Vec b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
inline Vec operator*(Vec a, Vec b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
inline Vec operator/(Vec a, Vec b) { return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)}; }
inline Vec fma(Vec a, Vec b, Vec c) { return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)}; }
inline Vec max(Vec a, Vec b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
inline Vec min(Vec a, Vec b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
inline Vec sqrt(Vec a) { return {_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)}; }
inline Vec where_positive(Vec key, Vec x) {
  const __m256 zero = _mm256_setzero_ps();
  return {_mm256_and_ps(_mm256_cmp_ps(key.lo, zero, _CMP_GT_OQ), x.lo), _mm256_and_ps(_mm256_cmp_ps(key.hi, zero, _CMP_GT_OQ), x.hi)};
}

#else  // scalar

struct Vec {
  static constexpr int64_t kLanes = 16;
  float v[16];
  static Vec zero() { return all(0); }
  static Vec all(float x) {
    Vec r;
    for (int i = 0; i < 16; ++i) r.v[i] = x;
    return r;
  }
  static Vec load(const float* p) {
    Vec r;
    for (int i = 0; i < 16; ++i) r.v[i] = p[i];
    return r;
  }
  void store(float* p) const {
    for (int i = 0; i < 16; ++i) p[i] = v[i];
  }
  void stream(float* p) const { store(p); }
};
#define LDC_LANES(expression)                    \
  Vec r;                                         \
  for (int i = 0; i < 16; ++i) r.v[i] = (expression); \
  return r
inline Vec operator+(const Vec& a, const Vec& b) { LDC_LANES(a.v[i] + b.v[i]); }
inline Vec operator-(const Vec& a, const Vec& b) { LDC_LANES(a.v[i] - b.v[i]); }
inline Vec operator*(const Vec& a, const Vec& b) { LDC_LANES(a.v[i] * b.v[i]); }
inline Vec operator/(const Vec& a, const Vec& b) { LDC_LANES(a.v[i] / b.v[i]); }
inline Vec fma(const Vec& a, const Vec& b, const Vec& c) { LDC_LANES(std::fma(a.v[i], b.v[i], c.v[i])); }
inline Vec max(const Vec& a, const Vec& b) { LDC_LANES(a.v[i] > b.v[i] ? a.v[i] : b.v[i]); }
inline Vec min(const Vec& a, const Vec& b) { LDC_LANES(a.v[i] < b.v[i] ? a.v[i] : b.v[i]); }
inline Vec sqrt(const Vec& a) { LDC_LANES(std::sqrt(a.v[i])); }
inline Vec where_positive(const Vec& key, const Vec& x) { LDC_LANES(key.v[i] > 0 ? x.v[i] : 0.0f); }
#undef LDC_LANES

#endif

// ---- bf16: the upper half of a float, rounded to the nearest, ties to even; a NaN stays one -------------------------------------
inline float widened(Bf16 x) {
  const uint32_t bits = static_cast<uint32_t>(x.bits) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline Bf16 rounded(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  if (x != x) return {static_cast<uint16_t>(bits >> 16 | 0x40)};
  return {static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

#if LDC_ISA_LEVEL >= 2

inline Vec widened(__m256i x) { return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16))}; }
inline __m256i rounded(Vec x) {
  const __m512i bits = _mm512_castps_si512(x.v), upper = _mm512_srli_epi32(bits, 16);
  const __m512i odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
  const __m512i nearest = _mm512_srli_epi32(_mm512_add_epi32(_mm512_add_epi32(bits, _mm512_set1_epi32(0x7fff)), odd), 16);
  const __mmask16 nan = _mm512_cmp_ps_mask(x.v, x.v, _CMP_UNORD_Q);
  return _mm512_cvtepi32_epi16(_mm512_mask_or_epi32(nearest, nan, upper, _mm512_set1_epi32(0x40)));
}
inline Vec load(const Bf16* p) { return widened(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))); }
inline void store(Vec x, Bf16* p) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), rounded(x)); }

#elif LDC_ISA_LEVEL == 1

inline __m256 widened(__m128i x) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16)); }
inline __m256i rounded(__m256 x) {  // in 32 bits a lane
  const __m256i bits = _mm256_castps_si256(x), upper = _mm256_srli_epi32(bits, 16);
  const __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
  const __m256i nearest = _mm256_srli_epi32(_mm256_add_epi32(_mm256_add_epi32(bits, _mm256_set1_epi32(0x7fff)), odd), 16);
  const __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
  return _mm256_blendv_epi8(nearest, quiet, _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q)));
}
inline __m256i rounded(Vec x) {
  return _mm256_permute4x64_epi64(_mm256_packus_epi32(rounded(x.lo), rounded(x.hi)), 0xd8);
}
inline Vec load(const Bf16* p) {
  const auto* halves = reinterpret_cast<const __m128i*>(p);
  return {widened(_mm_loadu_si128(halves)), widened(_mm_loadu_si128(halves + 1))};
}
inline void store(Vec x, Bf16* p) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), rounded(x)); }

#else

inline Vec load(const Bf16* p) {
  Vec r;
  for (int i = 0; i < 16; ++i) r.v[i] = widened(p[i]);
  return r;
}
inline void store(const Vec& x, Bf16* p) {
  for (int i = 0; i < 16; ++i) p[i] = rounded(x.v[i]);
}

#endif

// ---- Half: IEEE 754's 16 bits, 11 of them the mantissa's: what the kernels keep for themselves and numbers of whatever size need not fit
// into. Rounded to the nearest, ties to even; denormal numbers are numbers.
struct Half {
  uint16_t bits;
};

#if LDC_ISA_LEVEL >= 2

inline Vec load(const Half* p) { return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))}; }
inline void store(Vec x, Half* p) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

#elif LDC_ISA_LEVEL == 1

inline Vec load(const Half* p) {
  const auto* halves = reinterpret_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(halves)), _mm256_cvtph_ps(_mm_loadu_si128(halves + 1))};
}
inline void store(Vec x, Half* p) {
  auto* halves = reinterpret_cast<__m128i*>(p);
  _mm_storeu_si128(halves, _mm256_cvtps_ph(x.lo, _MM_FROUND_TO_NEAREST_INT));
  _mm_storeu_si128(halves + 1, _mm256_cvtps_ph(x.hi, _MM_FROUND_TO_NEAREST_INT));
}

#else

inline float widened(Half x) {
  const uint32_t sign = static_cast<uint32_t>(x.bits & 0x8000) << 16, size = static_cast<uint32_t>(x.bits & 0x7fff) << 13;
  float value;
  if (size >= 0x0f800000) {  // infinite, or none
    const uint32_t bits = sign | 0x7f800000 | size;
    std::memcpy(&value, &bits, sizeof bits);
    return value;
  }
  std::memcpy(&value, &size, sizeof size);
  value *= 0x1p112f;  // the difference of the exponents' zeros; right for denormal numbers too
  return sign != 0 ? -value : value;
}

inline Half to_half(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000, size = bits & 0x7fffffff;
  if (size > 0x7f800000) return {static_cast<uint16_t>(sign | 0x7e00 | (size >> 13 & 0x3ff))};
  if (size >= 0x47800000) return {static_cast<uint16_t>(sign | 0x7c00)};
  if (size < 0x38800000) {  // denormal: whole multiples of 2^-24, the last place of 1/2
    float value;
    std::memcpy(&value, &size, sizeof size);
    value += 0.5f;
    std::memcpy(&bits, &value, sizeof bits);
    return {static_cast<uint16_t>(sign | (bits - 0x3f000000))};
  }
  return {static_cast<uint16_t>(sign | (size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13)};
}

inline Vec load(const Half* p) {
  Vec r;
  for (int i = 0; i < 16; ++i) r.v[i] = widened(p[i]);
  return r;
}
inline void store(const Vec& x, Half* p) {
  for (int i = 0; i < 16; ++i) p[i] = to_half(x.v[i]);
}

#endif

inline Vec load(const float* p) { return Vec::load(p); }
inline void store(const Vec& x, float* p) { x.store(p); }
inline void stream(const Vec& x, float* p) { x.stream(p); }

struct Pair {
  static constexpr int64_t kLanes = 32;
  Vec lo, hi;
  static Pair zero() { return {Vec::zero(), Vec::zero()}; }
  static Pair all(float x) { return {Vec::all(x), Vec::all(x)}; }
  static Pair load(const float* p) { return {Vec::load(p), Vec::load(p + 16)}; }
  void store(float* p) const {
    lo.store(p);
    hi.store(p + 16);
  }
};
inline Pair operator+(const Pair& a, const Pair& b) { return {a.lo + b.lo, a.hi + b.hi}; }
inline Pair operator-(const Pair& a, const Pair& b) { return {a.lo - b.lo, a.hi - b.hi}; }
inline Pair operator*(const Pair& a, const Pair& b) { return {a.lo * b.lo, a.hi * b.hi}; }
inline Pair fma(const Pair& a, const Pair& b, const Pair& c) { return {fma(a.lo, b.lo, c.lo), fma(a.hi, b.hi, c.hi)}; }
inline Pair max(const Pair& a, const Pair& b) { return {max(a.lo, b.lo), max(a.hi, b.hi)}; }
inline Pair where_positive(const Pair& key, const Pair& x) { return {where_positive(key.lo, x.lo), where_positive(key.hi, x.hi)}; }

inline void store(const Pair& x, Bf16* p) {
  store(x.lo, p);
  store(x.hi, p + 16);
}
inline void stream(const Pair& x, Bf16* p) {
#if LDC_ISA_LEVEL >= 2
  _mm512_stream_si512(reinterpret_cast<__m512i*>(p), _mm512_inserti64x4(_mm512_castsi256_si512(rounded(x.lo)), rounded(x.hi), 1));
#elif LDC_ISA_LEVEL == 1
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p), rounded(x.lo));
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p) + 1, rounded(x.hi));
#else
  store(x, p);
#endif
}

template <class T>
struct LineOf;
template <>
struct LineOf<float> {
  using Type = Vec;
  static Vec load(const float* p) { return Vec::load(p); }
};
template <>
struct LineOf<Bf16> {
  using Type = Pair;
  static Pair load(const Bf16* p) { return {ldc::cpu::LDC_ISA::load(p), ldc::cpu::LDC_ISA::load(p + 16)}; }
};
template <class T>
using Line = typename LineOf<T>::Type;

// Rows become columns: lane j of a[i] and lane i of a[j] change places.
inline void transpose(Vec (&a)[16]) {
#if LDC_ISA_LEVEL >= 2
  __m512 b[16];
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_ps(a[i].v, a[i + 1].v);
    b[i + 1] = _mm512_unpackhi_ps(a[i].v, a[i + 1].v);
  }
  const auto low = [](__m512 x, __m512 y) { return _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(x), _mm512_castps_pd(y))); };
  const auto high = [](__m512 x, __m512 y) { return _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(x), _mm512_castps_pd(y))); };
  __m512 c[16];  // c[4 i + j], quarter k: rows 4 i to 4 i + 3 of column 4 k + j
  for (int i = 0; i < 16; i += 4) {
    c[i] = low(b[i], b[i + 2]), c[i + 1] = high(b[i], b[i + 2]);
    c[i + 2] = low(b[i + 1], b[i + 3]), c[i + 3] = high(b[i + 1], b[i + 3]);
  }
  for (int j = 0; j < 4; ++j) {
    const __m512 even_top = _mm512_shuffle_f32x4(c[j], c[4 + j], 0x88), odd_top = _mm512_shuffle_f32x4(c[j], c[4 + j], 0xdd);
    const __m512 even_low = _mm512_shuffle_f32x4(c[8 + j], c[12 + j], 0x88), odd_low = _mm512_shuffle_f32x4(c[8 + j], c[12 + j], 0xdd);
    a[j].v = _mm512_shuffle_f32x4(even_top, even_low, 0x88), a[8 + j].v = _mm512_shuffle_f32x4(even_top, even_low, 0xdd);
    a[4 + j].v = _mm512_shuffle_f32x4(odd_top, odd_low, 0x88), a[12 + j].v = _mm512_shuffle_f32x4(odd_top, odd_low, 0xdd);
  }
#else
  float m[16][16];
  for (int i = 0; i < 16; ++i) a[i].store(m[i]);
  for (int i = 0; i < 16; ++i) {
    float column[16];
    for (int j = 0; j < 16; ++j) column[j] = m[j][i];
    a[i] = Vec::load(column);
  }
#endif
}

// Makes the streamed stores of this thread visible to others.
inline void finish_streams() {
#if LDC_ISA_LEVEL >= 1
  _mm_sfence();
#endif
}

}  // namespace ldc::cpu::LDC_ISA
