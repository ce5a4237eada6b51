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

// ---- both types of features -------------------------------------------------------------------------------------------------
// A kernel is written once for float32 and bf16: what it is given is untyped, and its body reads and writes that through the Lanes of the
// type, its first argument. Between them everything is float32.
using Features = Global<char>;
inline Features features(const Tensor& t) { return global(t.as<char>()); }

LDC_DEVICE float widened(float x) { return x; }
LDC_DEVICE float widened(Bf16 x) { return bits_float(static_cast<uint32_t>(x.bits) << 16); }
LDC_DEVICE void put(Global<float> p, float x) { *p = x; }
LDC_DEVICE void put(Global<Bf16> p, float x) { *p = {static_cast<uint16_t>(pack_bf16(x, 0))}; }

template <class T>
struct Lanes {
  LDC_DEVICE float load(Features x, int64_t i) const { return widened(typed<T>(x)[i]); }
  LDC_DEVICE void store(Features y, int64_t i, float v) const { put(typed<T>(y) + i, v); }
  // Of elements i to i + 3, i a multiple of four.
  LDC_DEVICE Float4 load4(Features x, int64_t i) const { return LDC_TARGET::load4(typed<T>(x) + i); }
  LDC_DEVICE void store4(Features y, int64_t i, Float4 v) const { LDC_TARGET::store4(typed<T>(y) + i, v); }
};

// A body with its lanes.
template <class T, class Body>
struct Typed {
  Body body;
  template <class... A>
  LDC_DEVICE auto operator()(A... arguments) const {
    return body(Lanes<T>{}, arguments...);
  }
};

// start(body with the lanes of a type)
template <class Body, class Start>
inline void with_type(DType type, Body body, Start start) {
  if (type == DType::bf16) {
    start(Typed<Bf16, Body>{body});
  } else {
    start(Typed<float, Body>{body});
  }
}

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

// body(lanes, i) for i < count, with the lanes of a type.
template <class Body>
inline void each(Stream stream, DType type, int64_t count, Body body) {
  with_type(type, body, [&](auto typed_body) { each(stream, count, typed_body); });
}

// ---- vectors of four --------------------------------------------------------------------------------------------------------
template <class F, class... V>
LDC_DEVICE Float4 map4(F f, V... v) {
  return {f(v.x...), f(v.y...), f(v.z...), f(v.w...)};
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

// The same for features: visit(lanes, row, n, column).
template <class Visit, class Finish>
inline void column_sums(Stream stream, Memory& memory, DType type, const Columns& shape, Visit visit, Finish finish) {
  with_type(type, visit, [&](auto typed_visit) { column_sums(stream, memory, shape, typed_visit, finish); });
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

// One block.
template <class Finish>
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) sum_kernel(int64_t shares_count, Global<const double> shares, Finish finish) {
  LDC_SHARED(double, slots, kThreads / kWarp);
  double sum = 0;
#pragma unroll 8
  for (int64_t i = threadIdx.x; i < shares_count; i += kThreads) sum += shares[i];
  sum = block_sum(sum, slots);
  if (threadIdx.x == 0) finish(sum);
}

// finish(sum of `count` shares), once.
template <class Finish>
inline void total_of(Stream stream, Global<const double> shares, int64_t count, Finish finish) {
  launch(stream, sum_kernel<Finish>, Grid{}, kThreads, 0, count, shares, finish);
}

// finish(sum of value(i) for i < count), once.
template <class Value, class Finish>
inline void total(Stream stream, Memory& memory, int64_t count, Value value, Finish finish) {
  const int64_t blocks = ceil_div(count, kThreads) < kSumBlocks ? ceil_div(count, kThreads) : kSumBlocks;
  const Scratch<double> shares(memory, blocks);
  launch(stream, sum_shares_kernel<Value>, {blocks}, kThreads, 0, count, global(shares.data()), value);
  total_of(stream, global<const double>(shares.data()), blocks, finish);
}

}  // namespace ldc::cuda::LDC_TARGET
