// The two register tiles that all convolutions share: everything else decides what these walk over.
//
//   product_tile  P pixels x V vectors of output channels, summed over input channels and taps   (forward, data gradient)
//   outer_tile    I scalars x V vectors of channels, summed over pixels                          (weight gradient)
//
// Each output element is one chain of fused multiply-adds in the order of memory, so neither tile sizes nor the
// instruction set change a result.
#pragma once

#include <cstdint>

#include "../features.h"
#include "../vec.h"
#include "loops.h"

namespace ldc::cpu::LDC_ISA::conv2d {

// Register budget: 6 x 4 vectors of 32 registers (AVX-512), 6 x 1 vectors of two registers of 16 (AVX2).
constexpr int kTileVecs = LDC_ISA_LEVEL == 2 ? 4 : 1;
constexpr int kTileRows = 6;

// What one output pixel reads, relative to its first tap: `blocks` x `rows` runs of `length` contiguous floats.
struct Window {
  int64_t blocks, block_stride, rows, row_stride, length;
};

// acc[p][v] += sum over the window of x[p][.] * w[.][v]; w is contiguous, V vectors for each float of the window. W: float or Half.
template <int P, int V, class W>
inline void product_tile(const Window& window, const float* const (&x)[P], const W* w, Vec (&acc)[P][V]) {
  for (int64_t block = 0; block < window.blocks; ++block) {
    for (int64_t row = 0; row < window.rows; ++row) {
      const int64_t offset = block * window.block_stride + row * window.row_stride;
      const float* run[P];
      for (int p = 0; p < P; ++p) run[p] = x[p] + offset;
      for (int64_t i = 0; i < window.length; ++i, w += V * kBlock) {
        Vec weight[V];
        for (int v = 0; v < V; ++v) weight[v] = load(w + v * kBlock);
        for (int p = 0; p < P; ++p) {
          const Vec value = Vec::all(run[p][i]);
          for (int v = 0; v < V; ++v) acc[p][v] = fma(value, weight[v], acc[p][v]);
        }
      }
    }
  }
}

// The pixels that an outer product is summed over: rows x cols, with the strides of both operands.
struct Pixels {
  int64_t rows, cols;
  int64_t a_row, a_col;         // of the scalars
  int64_t b_row, b_col, b_vec;  // of the vectors
};

// Where outer products are added up: [I][V * 16], rows `row` floats apart. fresh: there is nothing to add to yet.
struct Sums {
  float* at;
  int64_t row;
  bool fresh;
};

// sums[i][v] += sum over pixels of a[.][i] * b[.][v]. The pixels are summed before they are added to what was there, which
// keeps the rounding error of long sums small.
template <int I, int V>
inline void outer_tile(const Pixels& pixels, const float* a, const float* b, const Sums& sums) {
  Vec acc[I][V];
  for (int i = 0; i < I; ++i) {
    for (int v = 0; v < V; ++v) acc[i][v] = Vec::zero();
  }
  for (int64_t row = 0; row < pixels.rows; ++row) {
    const float* scalars = a + row * pixels.a_row;
    const float* vectors = b + row * pixels.b_row;
    for (int64_t col = 0; col < pixels.cols; ++col, scalars += pixels.a_col, vectors += pixels.b_col) {
      Vec value[V];
      for (int v = 0; v < V; ++v) value[v] = Vec::load(vectors + v * pixels.b_vec);
      for (int i = 0; i < I; ++i) {
        const Vec scalar = Vec::all(scalars[i]);
        for (int v = 0; v < V; ++v) acc[i][v] = fma(scalar, value[v], acc[i][v]);
      }
    }
  }
  for (int i = 0; i < I; ++i) {
    for (int v = 0; v < V; ++v) {
      float* to = sums.at + i * sums.row + v * kBlock;
      (sums.fresh ? acc[i][v] : Vec::load(to) + acc[i][v]).store(to);
    }
  }
}

// An output this large does not stay in the cache until it is read; storing it past the cache saves reading the lines first.
// The threads that store call finish_streams() before another may read.
constexpr int64_t kStreamOutput = int64_t{16} << 20;

inline bool streams(const Tensor& t) {
  return stored_elements(t) * static_cast<int64_t>(bytes_of(t.dtype)) >= kStreamOutput && (reinterpret_cast<uintptr_t>(t.data) & 63) == 0;
}

template <int N>
struct Count {
  static constexpr int value = N;
};

// Calls body(Count<n>) for 1 <= n <= Most.
template <int Most, class Body>
inline void with_count(int64_t n, const Body& body) {
  if constexpr (Most > 1) {
    if (n < Most) return with_count<Most - 1>(n, body);
  }
  body(Count<Most>{});
}

constexpr int64_t padded(int64_t channels) { return blocks_of(channels) * block_of(channels); }  // as stored
constexpr int64_t lanes_of(int64_t channels) { return (channels + kBlock - 1) / kBlock * kBlock; }  // as vectors

}  // namespace ldc::cpu::LDC_ISA::conv2d
