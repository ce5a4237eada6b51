// Vec: 16 float lanes, written three times: one AVX-512 register, two AVX2 registers, or an array.
//
// A kernel written once over Vec does the same operations in the same order on every lane whatever the instruction set, so
// its results are bit-identical everywhere. Only fma() fuses; max() returns b where a is not greater (a NaN in a gives b).
// stream() stores past the cache, to a 64-byte aligned address.
#pragma once

#include <cmath>
#include <cstdint>

#if LDC_ISA_LEVEL >= 1
#include <immintrin.h>
#endif

namespace ldc::cpu::LDC_ISA {

#if LDC_ISA_LEVEL == 2  // AVX-512

struct Vec {
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

// Makes the streamed stores of this thread visible to others.
inline void finish_streams() {
#if LDC_ISA_LEVEL >= 1
  _mm_sfence();
#endif
}

}  // namespace ldc::cpu::LDC_ISA
