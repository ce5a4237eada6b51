// The loops that the kernels share: how lanes are read and written, and how a pass over memory is cut for the pool.
//
// A pass is written once, for both types that are stored, over "lanes": an object that loads and stores one Line of T. There are
// three: whole lines, whole lines whose stores bypass the cache, and the first few lanes only (the tail of an array, or the pixel
// of a features tensor with C <= 4). What a lane computes is the same in all three.
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

inline Vec load_part(const Bf16* p, int64_t n) {
  if (n == kBlock) return load(p);
  Bf16 part[kBlock] = {};
  std::memcpy(part, p, static_cast<size_t>(n) * sizeof(Bf16));
  return load(part);
}

inline void store_part(Vec x, Bf16* p, int64_t n) {
  if (n == kBlock) return store(x, p);
  Bf16 part[kBlock];
  store(x, part);
  std::memcpy(p, part, static_cast<size_t>(n) * sizeof(Bf16));
}

// The first n lanes of a line, from or to memory of either type.
template <class L, class T>
inline L load_line(const T* p, int64_t n) {
  if constexpr (L::kLanes == kBlock) {
    return load_part(p, n);
  } else {
    return {load_part(p, least(n, kBlock)), n > kBlock ? load_part(p + kBlock, n - kBlock) : Vec::zero()};
  }
}

template <class T>
inline void store_line(const Vec& x, T* p, int64_t n) {
  store_part(x, p, n);
}
template <class T>
inline void store_line(const Pair& x, T* p, int64_t n) {
  store_part(x.lo, p, least(n, kBlock));
  if (n > kBlock) store_part(x.hi, p + kBlock, n - kBlock);
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

template <class T = float>
struct WholeLanes {
  using L = Line<T>;
  L load(const T* p) const { return LineOf<T>::load(p); }
  void store(const L& x, T* p) const { ldc::cpu::LDC_ISA::store(x, p); }
  void finish() const {}
  static constexpr int64_t size() { return L::kLanes; }
};

// p of store() is 64-byte aligned. Call finish() at the end of an item.
template <class T = float>
struct StreamedLanes {
  using L = Line<T>;
  L load(const T* p) const { return LineOf<T>::load(p); }
  void store(const L& x, T* p) const { stream(x, p); }
  void finish() const { finish_streams(); }
  static constexpr int64_t size() { return L::kLanes; }
};

template <class T = float>
struct PartLanes {
  using L = Line<T>;
  int64_t count;
  L load(const T* p) const { return load_line<L>(p, count); }
  void store(const L& x, T* p) const { store_line(x, p, count); }
  void finish() const {}
  int64_t size() const { return count; }
};

// An output this large does not stay in the last-level cache until it is read; writing past the cache saves reading it
// first.
constexpr int64_t kStreamBytes = int64_t{32} << 20;

// y is null where an output should stay in the cache, or was read into it a moment ago.
template <class T>
inline bool streams(const T* y, int64_t elements) {
  return y != nullptr && elements * static_cast<int64_t>(sizeof(T)) >= kStreamBytes && (reinterpret_cast<uintptr_t>(y) & 63) == 0;
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

// Calls op(lanes, i) for every line [i, i + lanes.size()) of [begin, end).
template <class T, template <class> class Lanes, class Op>
void vectors(Lanes<T> whole, int64_t begin, int64_t end, const Op& op) {
  int64_t i = begin;
  for (; i + whole.size() <= end; i += whole.size()) op(whole, i);
  whole.finish();
  if (i < end) op(PartLanes<T>{end - i}, i);
}

// The same for an array of n elements on the pool; y is the array that op writes, or null.
template <class T, class Op>
void each_vector(Pool& pool, int64_t n, const T* y, const Op& op) {
  const bool stream = streams(y, n);
  pool.each(ceil_div(n, kGrain), [&](int64_t chunk, int) {
    const int64_t begin = chunk * kGrain, end = least(n, begin + kGrain);
    if (stream) {
      vectors(StreamedLanes<T>{}, begin, end, op);
    } else {
      vectors(WholeLanes<T>{}, begin, end, op);
    }
  });
}

// Calls body(lanes) with the lanes that fit a pixel of `block` channels; y, of so many elements, is what body writes, or null.
template <class T, class Body>
void with_lanes(int64_t block, const T* y, int64_t elements, const Body& body) {
  if (block != Line<T>::kLanes) {
    body(PartLanes<T>{block});
  } else if (streams(y, elements)) {
    body(StreamedLanes<T>{});
  } else {
    body(WholeLanes<T>{});
  }
}

// Calls body(data) with the memory of activations, a float* or a Bf16*.
template <class Body>
void with_type(const Tensor& t, const Body& body) {
  if (t.dtype == DType::bf16) {
    body(t.as<Bf16>());
  } else {
    body(t.as<float>());
  }
}

// One value a channel, for the channels of one block of features that are stored as T; the lanes of padding channels are zero.
template <class T = float>
inline Line<T> load_channels(const float* values, int64_t block, int64_t channels) {
  const int64_t size = channels <= 4 ? channels : Line<T>::kLanes, first = block * size;
  return load_line<Line<T>>(values + first, least(size, channels - first));
}

}  // namespace ldc::cpu::LDC_ISA
