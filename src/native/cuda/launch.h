// The launches most kernels are made of: one thread an element or a vector of four, and fixed-order sums.
//
// Sums never use atomics. A block adds its share in a fixed tree and writes it to a place of its own; a second launch adds
// the shares in order. The split depends on the shape alone, so the bits do not depend on the GPU.
#pragma once

#include <stdexcept>

#include "../tensor.h"
#include "contract.h"
#include "features.h"
#include "memory.h"

namespace ldc::cuda::LDC_TARGET {

constexpr int kThreads = 256;

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

inline Global<const float> input(const Tensor& t) { return global<const float>(t.f32()); }
inline Global<float> output(const Tensor& t) { return global(t.f32()); }

// ---- one thread an item -----------------------------------------------------------------------------------------------------
template <class Body>
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) each_kernel(int64_t count, Body body) {
  const int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < count) body(i);
}

// body(i) for i < count.
template <class Body>
inline void each(Stream stream, int64_t count, Body body) {
  launch(stream, each_kernel<Body>, {ceil_div(count, kThreads)}, kThreads, 0, count, body);
}

// body(i) for i = 0, 4, 8, ... while i + 4 <= count; rest(i) for the up to three elements behind.
template <class Vector, class Rest>
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) each_vector_kernel(int64_t count, Vector body, Rest rest) {
  const int64_t i = (static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x) * 4;
  if (i + 4 <= count) {
    body(i);
  } else {
    for (int64_t j = i; j < count; ++j) rest(j);
  }
}

template <class Vector, class Rest>
inline void each_vector(Stream stream, int64_t count, Vector body, Rest rest) {
  launch(stream, each_vector_kernel<Vector, Rest>, {ceil_div(count, 4 * kThreads)}, kThreads, 0, count, body, rest);
}

// ---- vectors of four --------------------------------------------------------------------------------------------------------
template <class F>
LDC_DEVICE Float4 map(Float4 a, F f) {
  return {f(a.x), f(a.y), f(a.z), f(a.w)};
}
template <class F>
LDC_DEVICE Float4 map(Float4 a, Float4 b, F f) {
  return {f(a.x, b.x), f(a.y, b.y), f(a.z, b.z), f(a.w, b.w)};
}

// ---- sums within a block ----------------------------------------------------------------------------------------------------
// Sum over the lanes of a warp, in every lane.
template <class T>
LDC_DEVICE T warp_sum(T value) {
  for (int mask = kWarp / 2; mask > 0; mask /= 2) value += shuffle_xor(value, mask);
  return value;
}

// a . b of one row in double, in every lane of the warp: bit-equal for equal rows, and whichever is a and which b.
LDC_DEVICE double warp_dot(Global<const float> a, Global<const float> b, int64_t depth) {
  double sum = 0;
  for (int64_t i = threadIdx.x % kWarp; i < depth; i += kWarp) sum += static_cast<double>(a[i]) * b[i];
  return warp_sum(sum);
}

// Sum over the kThreads threads of a block, in every thread. `slots` has kThreads / kWarp elements and is free again after
// the next sync_block().
LDC_DEVICE double block_sum(double value, Shared<double> slots) {
  value = warp_sum(value);
  if (threadIdx.x % kWarp == 0) slots[threadIdx.x / kWarp] = value;
  sync_block();
  double sum = 0;
  for (int i = 0; i < kThreads / kWarp; ++i) sum += slots[i];
  return sum;
}

// ---- sums of columns --------------------------------------------------------------------------------------------------------
// Two sums for each column of a matrix.
struct Sums {
  double first, second;
};

constexpr int kRun = 8;  // rows that a visitor sees at once

// Geometry of a sum over rows: `groups` matrices of `rows` x `columns`, each cut into `chunks` of `chunk_rows` rows.
struct Columns {
  int64_t groups, rows, columns;
  int64_t chunk_rows, chunks;

  Columns(int64_t groups, int64_t rows, int64_t columns)
      : groups(groups), rows(rows), columns(columns) {
    constexpr int64_t kMostChunks = 256, kLeastRows = 8 * kRun;
    chunk_rows = ceil_div(ceil_div(rows, kMostChunks), kLeastRows) * kLeastRows;
    chunks = ceil_div(rows, chunk_rows);
  }
  int64_t shares() const { return groups * chunks * columns; }
};

// Adds the sums of the 8 parts of each column, in order; part 0 gets the result. The arrays have kThreads elements.
LDC_DEVICE Sums add_parts(Sums sum, Shared<double> first, Shared<double> second) {
  first[threadIdx.x] = sum.first;
  second[threadIdx.x] = sum.second;
  sync_block();
  if (threadIdx.x >= kWarp) return sum;
  for (int i = threadIdx.x + kWarp; i < kThreads; i += kWarp) {
    sum.first += first[i];
    sum.second += second[i];
  }
  return sum;
}

// Blocks of 32 columns x 8 threads. visit(row, n, column) returns the Sums of rows row .. row + n - 1 of all groups, n <= kRun.
template <class Visit>
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) column_shares_kernel(Columns shape, Global<Sums> shares, Visit visit) {
  const int lane = threadIdx.x % kWarp, part = threadIdx.x / kWarp;
  const int64_t column = static_cast<int64_t>(blockIdx.x) * kWarp + lane, chunk = blockIdx.y, group = blockIdx.z;
  const int64_t begin = chunk * shape.chunk_rows, past = begin + shape.chunk_rows, end = past < shape.rows ? past : shape.rows;
  Sums sum = {0, 0};
  if (column < shape.columns) {
    for (int64_t row = begin + part * kRun; row < end; row += kThreads / kWarp * kRun) {
      const Sums more = visit(group * shape.rows + row, static_cast<int>(end - row < kRun ? end - row : kRun), column);
      sum.first += more.first;
      sum.second += more.second;
    }
  }
  LDC_SHARED(double, first, kThreads);
  LDC_SHARED(double, second, kThreads);
  sum = add_parts(sum, first, second);
  if (part == 0 && column < shape.columns) shares[(group * shape.chunks + chunk) * shape.columns + column] = sum;
}

// Adds the shares of each column; finish(group, column, sums) is called once a column.
template <class Finish>
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) column_sums_kernel(Columns shape, Global<const Sums> shares, Finish finish) {
  const int lane = threadIdx.x % kWarp, part = threadIdx.x / kWarp;
  const int64_t column = static_cast<int64_t>(blockIdx.x) * kWarp + lane, group = blockIdx.y;
  Sums sum = {0, 0};
  if (column < shape.columns) {
    for (int64_t chunk = part; chunk < shape.chunks; chunk += kThreads / kWarp) {
      const Sums more = shares[(group * shape.chunks + chunk) * shape.columns + column];
      sum.first += more.first;
      sum.second += more.second;
    }
  }
  LDC_SHARED(double, first, kThreads);
  LDC_SHARED(double, second, kThreads);
  sum = add_parts(sum, first, second);
  if (part == 0 && column < shape.columns) finish(group, column, sum);
}

template <class Visit, class Finish>
inline void column_sums(Stream stream, Memory& memory, const Columns& shape, Visit visit, Finish finish) {
  const Scratch<Sums> shares(memory, shape.shares());
  const int64_t across = ceil_div(shape.columns, kWarp);
  launch(stream, column_shares_kernel<Visit>, {across, shape.chunks, shape.groups}, kThreads, 0, shape, global(shares.data()), visit);
  launch(stream, column_sums_kernel<Finish>, {across, shape.groups}, kThreads, 0, shape, global<const Sums>(shares.data()), finish);
}

// ---- the sum of everything --------------------------------------------------------------------------------------------------
constexpr int64_t kSumBlocks = 256;

// value(i) for i < count, summed; block b takes every gridDim.x-th run of kThreads.
template <class Value>
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) sum_shares_kernel(int64_t count, Global<double> shares, Value value) {
  LDC_SHARED(double, slots, kThreads / kWarp);
  double sum = 0;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; i < count;
       i += static_cast<int64_t>(gridDim.x) * kThreads) {
    sum += value(i);
  }
  sum = block_sum(sum, slots);
  if (threadIdx.x == 0) shares[blockIdx.x] = sum;
}

template <class Finish>
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) sum_kernel(int64_t shares_count, Global<const double> shares, Finish finish) {
  LDC_SHARED(double, slots, kThreads / kWarp);
  const double sum = block_sum(threadIdx.x < shares_count ? shares[threadIdx.x] : 0.0, slots);
  if (threadIdx.x == 0) finish(sum);
}

// finish(sum of value(i) for i < count), once.
template <class Value, class Finish>
inline void total(Stream stream, Memory& memory, int64_t count, Value value, Finish finish) {
  static_assert(kSumBlocks <= kThreads);
  const int64_t blocks = ceil_div(count, kThreads) < kSumBlocks ? ceil_div(count, kThreads) : kSumBlocks;
  const Scratch<double> shares(memory, blocks);
  launch(stream, sum_shares_kernel<Value>, {blocks}, kThreads, 0, count, global(shares.data()), value);
  launch(stream, sum_kernel<Finish>, Grid{}, kThreads, 0, blocks, global<const double>(shares.data()), finish);
}

}  // namespace ldc::cuda::LDC_TARGET
