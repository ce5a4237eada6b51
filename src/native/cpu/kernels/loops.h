// The loops that the kernels share: how 16 lanes are read and written, and how a pass over memory is cut for the pool.
//
// A pass is written once, over "lanes": an object that loads and stores one Vec. There are three: whole vectors, whole
// vectors whose stores bypass the cache, and the first few lanes only (the tail of an array, or the pixel of a features
// tensor with C <= 4). What a lane computes is the same in all three.
#pragma once

#include <cstdint>
#include <cstring>

#include "../features.h"
#include "../pool.h"
#include "../vec.h"

namespace ldc::cpu::LDC_ISA {

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
constexpr int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// The first n lanes of p, 1 <= n <= 16; the other lanes are zero, their memory is not touched.
inline Vec load_part(const float* p, int64_t n) {
  if (n == kBlock) return Vec::load(p);
#if LDC_ISA_LEVEL == 2
  return {_mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p)};
#elif LDC_ISA_LEVEL == 1
  const __m256i count = _mm256_set1_epi32(static_cast<int>(n));
  return {_mm256_maskload_ps(p, _mm256_cmpgt_epi32(count, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))),
          _mm256_maskload_ps(p + 8, _mm256_cmpgt_epi32(count, _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)))};
#else
  Vec r = Vec::zero();
  for (int64_t i = 0; i < n; ++i) r.v[i] = p[i];
  return r;
#endif
}

inline void store_part(Vec x, float* p, int64_t n) {
  if (n == kBlock) return x.store(p);
#if LDC_ISA_LEVEL == 2
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), x.v);
#elif LDC_ISA_LEVEL == 1
  const __m256i count = _mm256_set1_epi32(static_cast<int>(n));
  _mm256_maskstore_ps(p, _mm256_cmpgt_epi32(count, _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7)), x.lo);
  _mm256_maskstore_ps(p + 8, _mm256_cmpgt_epi32(count, _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15)), x.hi);
#else
  for (int64_t i = 0; i < n; ++i) p[i] = x.v[i];
#endif
}

// n bytes at p as numbers; the other lanes are zero.
inline Vec load_bytes(const uint8_t* p, int64_t n) {
#if LDC_ISA_LEVEL == 2
  return {_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(static_cast<__mmask16>((1u << n) - 1), p)))};
#else
  alignas(16) uint8_t bytes[kBlock] = {};
  std::memcpy(bytes, p, static_cast<size_t>(n));
#if LDC_ISA_LEVEL == 1
  const __m128i all = _mm_load_si128(reinterpret_cast<const __m128i*>(bytes));
  return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(all)), _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_srli_si128(all, 8)))};
#else
  Vec r;
  for (int i = 0; i < kBlock; ++i) r.v[i] = static_cast<float>(bytes[i]);
  return r;
#endif
#endif
}

// The whole numbers 0..255 in x, as the first n bytes of p.
inline void store_bytes(Vec x, uint8_t* p, int64_t n) {
#if LDC_ISA_LEVEL == 2
  _mm_mask_storeu_epi8(p, static_cast<__mmask16>((1u << n) - 1), _mm512_cvtepi32_epi8(_mm512_cvttps_epi32(x.v)));
#elif LDC_ISA_LEVEL == 1
  const __m256i lo = _mm256_cvttps_epi32(x.lo), hi = _mm256_cvttps_epi32(x.hi);
  const __m128i low = _mm_packs_epi32(_mm256_castsi256_si128(lo), _mm256_extracti128_si256(lo, 1));
  const __m128i high = _mm_packs_epi32(_mm256_castsi256_si128(hi), _mm256_extracti128_si256(hi, 1));
  alignas(16) uint8_t bytes[kBlock];
  _mm_store_si128(reinterpret_cast<__m128i*>(bytes), _mm_packus_epi16(low, high));
  std::memcpy(p, bytes, static_cast<size_t>(n));
#else
  for (int64_t i = 0; i < n; ++i) p[i] = static_cast<uint8_t>(x.v[i]);
#endif
}

struct WholeLanes {
  Vec load(const float* p) const { return Vec::load(p); }
  void store(Vec x, float* p) const { x.store(p); }
  void finish() const {}
  static constexpr int64_t size() { return kBlock; }
};

// p of store() is 64-byte aligned. Call finish() at the end of an item.
struct StreamedLanes {
  Vec load(const float* p) const { return Vec::load(p); }
  void store(Vec x, float* p) const { x.stream(p); }
  void finish() const { finish_streams(); }
  static constexpr int64_t size() { return kBlock; }
};

struct PartLanes {
  int64_t count;
  Vec load(const float* p) const { return load_part(p, count); }
  void store(Vec x, float* p) const { store_part(x, p, count); }
  void finish() const {}
  int64_t size() const { return count; }
};

// An output this large does not stay in the last-level cache until it is read; writing past the cache saves reading it
// first.
constexpr int64_t kStreamBytes = int64_t{32} << 20;

// y is null where an output should stay in the cache, or was read into it a moment ago.
inline bool streams(const float* y, int64_t elements) {
  return y != nullptr && elements * 4 >= kStreamBytes && (reinterpret_cast<uintptr_t>(y) & 63) == 0;
}

// Work worth one claim of the pool's counter: 64 KB of floats.
constexpr int64_t kGrain = 16384;

// Calls body(item) for item = 0 .. items - 1 on the pool, several items a claim where one has few elements.
template <class Body>
void each_item(Pool& pool, int64_t items, int64_t elements_per_item, const Body& body) {
  const int64_t group = most(1, kGrain / most(1, elements_per_item));
  pool.each(ceil_div(items, group), [&](int64_t g, int) {
    const int64_t end = least(items, (g + 1) * group);
    for (int64_t item = g * group; item < end; ++item) body(item);
  });
}

// Calls op(lanes, i) for every vector [i, i + lanes.size()) of [begin, end).
template <class Lanes, class Op>
void vectors(Lanes whole, int64_t begin, int64_t end, const Op& op) {
  int64_t i = begin;
  for (; i + kBlock <= end; i += kBlock) op(whole, i);
  whole.finish();
  if (i < end) op(PartLanes{end - i}, i);
}

// The same for an array of n floats on the pool; y is the array that op writes.
template <class Op>
void each_vector(Pool& pool, int64_t n, const float* y, const Op& op) {
  const bool stream = streams(y, n);
  pool.each(ceil_div(n, kGrain), [&](int64_t chunk, int) {
    const int64_t begin = chunk * kGrain, end = least(n, begin + kGrain);
    if (stream) {
      vectors(StreamedLanes{}, begin, end, op);
    } else {
      vectors(WholeLanes{}, begin, end, op);
    }
  });
}

// Calls body(lanes) with the lanes that fit a pixel of `block` channels; y, of so many elements, is what body writes.
template <class Body>
void with_lanes(int64_t block, const float* y, int64_t elements, const Body& body) {
  if (block != kBlock) {
    body(PartLanes{block});
  } else if (streams(y, elements)) {
    body(StreamedLanes{});
  } else {
    body(WholeLanes{});
  }
}

// One value a channel, for the channels of one block; the lanes of padding channels are zero.
inline Vec load_channels(const float* values, int64_t block, int64_t channels) {
  const int64_t first = block * block_of(channels);
  return load_part(values + first, least(block_of(channels), channels - first));
}

}  // namespace ldc::cpu::LDC_ISA
