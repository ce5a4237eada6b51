// Lines of 32 bf16: one pixel of one block of channels, one row of a tile.
#pragma once

#include <cstdint>
#include <cstring>

#include "../vec.h"

namespace ldc::cpu::LDC_ISA {

constexpr int64_t kChannels = 32;  // of a block

// Images and maps are not padded: C channels a pixel.
constexpr bool is_wide(int64_t channels) { return channels > 4; }
constexpr int64_t tile_blocks(int64_t channels) { return (channels + kChannels - 1) / kChannels; }

#if LDC_ISA_LEVEL == 2

inline void copy_line(const uint16_t* from, uint16_t* to) { _mm512_store_si512(to, _mm512_loadu_si512(from)); }

// to[i] = (a[i], b[i]), 64 numbers.
inline void interleave(const uint16_t* a, const uint16_t* b, uint16_t* to) {
  const __m512i x = _mm512_loadu_si512(a), y = _mm512_loadu_si512(b);
  const __m512i low = _mm512_unpacklo_epi16(x, y), high = _mm512_unpackhi_epi16(x, y);
  const __m512i first = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), second = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
  _mm512_store_si512(to, _mm512_permutex2var_epi64(low, first, high));
  _mm512_store_si512(to + 32, _mm512_permutex2var_epi64(low, second, high));
}

// Sixteen lines of 16 dwords are turned in place.
inline void turn_dwords(__m512i (&r)[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]), t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]), r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]), r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88), t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88), t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (int i = 0; i < 8; ++i) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88), r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
  }
}

// low[channel][pixel] = from[pixel][channel] of 32 pixels, which may lie anywhere; the channels from 16 on go to `high`.
inline void turn(const uint16_t* const (&from)[32], uint16_t* low, uint16_t* high) {
  __m512i left[16], right[16];  // channels 2 i and 2 i + 1 of 16 pixels as dwords
  for (int i = 0; i < 16; ++i) left[i] = _mm512_loadu_si512(from[i]);
  turn_dwords(left);
  for (int i = 0; i < 16; ++i) right[i] = _mm512_loadu_si512(from[16 + i]);
  turn_dwords(right);
  alignas(64) static constexpr uint16_t kEven[32] = {0,  2,  4,  6,  8,  10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30,
                                                     32, 34, 36, 38, 40, 42, 44, 46, 48, 50, 52, 54, 56, 58, 60, 62};
  const __m512i even = _mm512_load_si512(kEven), odd = _mm512_add_epi16(even, _mm512_set1_epi16(1));
  for (int i = 0; i < 16; ++i) {
    uint16_t* to = (i < 8 ? low : high) + i % 8 * 64;
    _mm512_store_si512(to, _mm512_permutex2var_epi16(left[i], even, right[i]));
    _mm512_store_si512(to + 32, _mm512_permutex2var_epi16(left[i], odd, right[i]));
  }
}

#else

inline void copy_line(const uint16_t* from, uint16_t* to) { std::memcpy(to, from, 64); }

inline void interleave(const uint16_t* a, const uint16_t* b, uint16_t* to) {
  for (int i = 0; i < 32; ++i) to[2 * i] = a[i], to[2 * i + 1] = b[i];
}

inline void turn(const uint16_t* const (&from)[32], uint16_t* low, uint16_t* high) {
  for (int p = 0; p < 32; ++p) {
    for (int c = 0; c < 16; ++c) low[c * 32 + p] = from[p][c], high[c * 32 + p] = from[p][c + 16];
  }
}

#endif

}  // namespace ldc::cpu::LDC_ISA
