// The host body of contract.h: the same names on the emulated machine, with pointers that check every access.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <string>
#include <type_traits>

#include "machine.h"
#include "memory.h"

#define LDC_TARGET emulated
#define LDC_DEVICE inline
#define LDC_LAMBDA
#define LDC_KERNEL
#define LDC_BOUNDS(threads, blocks)
#define LDC_SHARED(type, name, count)       \
  static const char name##_key = 0;         \
  const Shared<type> name(Machine::current().shared(&name##_key, #name, sizeof(type), count))
#define LDC_DYNAMIC_SHARED(type, name) const Shared<type> name(Machine::current().dynamic_shared(sizeof(type)))

#define threadIdx (::ldc::cuda::emulated::Machine::current().thread().index)
#define blockIdx (::ldc::cuda::emulated::Machine::current().block().index)
#define gridDim (::ldc::cuda::emulated::Machine::current().grid())
#define blockDim (::ldc::cuda::emulated::block_dimensions())

namespace ldc::cuda::emulated {

using Stream = Machine*;

inline Index block_dimensions() { return {static_cast<unsigned>(Machine::current().block_threads()), 1, 1}; }

// A pointer into one allocation of device memory.
template <class T>
class Global {
 public:
  Global() = default;
  Global(T* data, const char* begin, const char* end) : data_(data), begin_(begin), end_(end) {}
  template <class U>
    requires std::is_convertible_v<U*, T*>
  Global(const Global<U>& other) : data_(other.data_), begin_(other.begin_), end_(other.end_) {}

  T& operator[](int64_t i) const {
    check(data_ + i, sizeof(T), sizeof(T));
    return data_[i];
  }
  T& operator*() const { return (*this)[0]; }
  Global operator+(int64_t i) const { return {data_ + i, begin_, end_}; }
  template <class U>
  Global<U> as() const {
    return {reinterpret_cast<U*>(data_), begin_, end_};
  }
  bool operator==(std::nullptr_t) const { return data_ == nullptr; }

  // Where a vector of `bytes` is read or written.
  T* vector(size_t bytes) const {
    check(data_, bytes, bytes);
    return data_;
  }

 private:
  template <class U>
  friend class Global;

  void check(const T* at, size_t bytes, size_t alignment) const {
    const char* p = reinterpret_cast<const char*>(at);
    if (p < begin_ || p + bytes > end_) {
      Machine::current().trap(data_ == nullptr ? std::string("an access through a null pointer")
                                               : "an access outside of its allocation, at byte " + std::to_string(p - begin_) + " of " +
                                                     std::to_string(end_ - begin_));
    }
    if (reinterpret_cast<uintptr_t>(p) % alignment != 0) Machine::current().trap("a misaligned access to global memory");
  }

  T* data_ = nullptr;
  const char *begin_ = nullptr, *end_ = nullptr;
};

// Host side: what the allocation that `data` lies in allows.
template <class T>
inline Global<T> global(T* data) {
  if (data == nullptr) return {};
  const Extent extent = allocation_of(data);
  return {data, extent.begin, extent.end};
}

template <class T>
inline Global<T> typed(const Global<char>& bytes) {
  return bytes.as<T>();
}

// A pointer into one shared array of the block.
template <class T>
class Shared {
 public:
  explicit Shared(SharedArray& array) : array_(&array) {}

  // What a[i] stands for: reading and writing differ in what is checked.
  class Element {
   public:
    Element(const Shared& shared, int64_t at) : shared_(shared), at_(at) {}
    operator T() const { return shared_.read(at_); }
    T operator=(T value) const { return shared_.write(at_, value), value; }
    T operator=(const Element& other) const { return *this = static_cast<T>(other); }
    T operator+=(T value) const { return *this = static_cast<T>(shared_.read(at_) + value); }

   private:
    const Shared& shared_;
    int64_t at_;
  };

  Element operator[](int64_t i) const { return Element(*this, i); }
  Shared operator+(int64_t i) const {
    Shared moved = *this;
    moved.offset_ += i;
    return moved;
  }

  T read(int64_t i) const {
    T value;
    std::memcpy(&value, memory(i, 1), sizeof value);
    if (!array_->cells.empty()) check_read(i);
    return value;
  }
  void write(int64_t i, T value) const {
    std::memcpy(memory(i, 1), &value, sizeof value);
    if (!array_->cells.empty()) check_write(i, false);
  }
  void read_four(T* to) const {
    std::memcpy(to, memory(0, 4), 4 * sizeof(T));
    if (array_->cells.empty()) return;
    for (int64_t i = 0; i < 4; ++i) check_read(i);
  }
  void write_four(const T* from) const {
    std::memcpy(memory(0, 4), from, 4 * sizeof(T));
    if (array_->cells.empty()) return;
    for (int64_t i = 0; i < 4; ++i) check_write(i, false);
  }
  // Begins a copy of four elements: whoever touches them before it has been waited for is trapped.
  AsyncCopy begin_copy() const {
    memory(0, 4);
    if (!array_->cells.empty()) {
      for (int64_t i = 0; i < 4; ++i) check_write(i, true);
    }
    return {array_, static_cast<size_t>(offset_), {}};
  }
  // In bytes. Only dynamic shared memory has one, and it begins at 0, as it does on a GPU where there is no other.
  uint32_t address() const { return static_cast<uint32_t>(offset_ * static_cast<int64_t>(sizeof(T))); }

 private:
  char* memory(int64_t i, int64_t count) const {
    const int64_t at = offset_ + i;
    if (at < 0 || at + count > static_cast<int64_t>(array_->count)) {
      fault("an access outside of", i);
    }
    if (count > 1 && static_cast<size_t>(at) * sizeof(T) % 16 != 0) fault("a misaligned access to", i);
    return array_->data.get() + static_cast<size_t>(at) * sizeof(T);
  }

  void check_read(int64_t i) const {
    Cell& cell = array_->cells[static_cast<size_t>(offset_ + i)];
    Machine& machine = Machine::current();
    const Thread& self = machine.thread();
    if (cell.in_flight) fault("a read of what an asynchronous copy may still be writing in", i);
    if (cell.write_stamp == 0) fault("a read of what nothing wrote in", i);
    const uint32_t now = self.block->syncs, warp_now = self.warp->syncs;
    if (cell.writer != self.number && cell.write_stamp == now &&
        !(cell.writer / 32 == self.number / 32 && cell.write_warp_stamp < warp_now)) {
      fault("a read without a barrier after the write of another thread to", i);
    }
    const bool fresh = cell.read_stamp != now;
    cell.many_warps = !fresh && (cell.many_warps || cell.reader / 32 != self.number / 32);
    cell.many_readers = !fresh && (cell.many_readers || cell.reader != self.number);
    cell.reader = static_cast<uint16_t>(self.number);
    cell.read_stamp = now;
    cell.read_warp_stamp = warp_now;
  }

  void check_write(int64_t i, bool in_flight) const {
    Cell& cell = array_->cells[static_cast<size_t>(offset_ + i)];
    Machine& machine = Machine::current();
    const Thread& self = machine.thread();
    const uint32_t now = self.block->syncs, warp_now = self.warp->syncs;
    if (cell.in_flight) fault("a write to what an asynchronous copy may still be writing in", i);
    if (cell.writer != self.number && cell.write_stamp == now &&
        !(cell.writer / 32 == self.number / 32 && cell.write_warp_stamp < warp_now)) {
      fault("two threads write without a barrier between them to", i);
    }
    if (cell.read_stamp == now && (cell.many_readers || cell.reader != self.number) &&
        !(!cell.many_warps && cell.reader / 32 == self.number / 32 && cell.read_warp_stamp < warp_now)) {
      fault("a write without a barrier after the read of another thread from", i);
    }
    cell.writer = static_cast<uint16_t>(self.number);
    cell.write_stamp = now;
    cell.write_warp_stamp = warp_now;
    cell.write_fences = self.proxy_fences;
    cell.in_flight = in_flight;
  }

  [[noreturn, gnu::noinline]] void fault(const char* what, int64_t i) const {
    Machine::current().trap(std::string(what) + " " + array_->name + "[" + std::to_string(offset_ + i) + " of " +
                            std::to_string(array_->count) + "]");
  }

  SharedArray* array_;
  int64_t offset_ = 0;
};

inline void sync_block() { Machine::current().sync_block(); }
inline void sync_warp() { Machine::current().sync_warp(); }
inline void sync_grid() { Machine::current().sync_grid(); }

template <class T>
inline T shuffle_xor(T value, int mask) {
  uint64_t word = 0;
  std::memcpy(&word, &value, sizeof value);
  Machine& machine = Machine::current();
  const int lane = machine.thread().lane ^ mask;
  const auto* all = machine.exchange(&word, 1);
  std::memcpy(&value, all[lane], sizeof value);
  return value;
}

inline uint32_t float_bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return bits;
}
inline float bits_float(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

inline uint32_t bf16_bits(float x) {
  const uint32_t bits = float_bits(x);
  if (x != x) return (bits >> 16) | 0x40u;
  return (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
}
inline uint32_t pack_bf16(float low, float high) { return bf16_bits(low) | (bf16_bits(high) << 16); }

inline Float4 load4(const Global<const float>& p) {
  Float4 v;
  std::memcpy(&v, p.vector(sizeof v), sizeof v);
  return v;
}
inline Float4 load4(const Global<float>& p) { return load4(Global<const float>(p)); }
inline void store4(const Global<float>& p, Float4 v) { std::memcpy(p.vector(sizeof v), &v, sizeof v); }
inline void store2(const Global<float>& p, float x, float y) {
  const float v[2] = {x, y};
  std::memcpy(p.vector(sizeof v), v, sizeof v);
}
inline Float4 load4(const Global<const Bf16>& p) {
  uint16_t v[4];
  std::memcpy(v, p.vector(sizeof v), sizeof v);
  const auto wide = [&](int i) { return bits_float(uint32_t{v[i]} << 16); };
  return {wide(0), wide(1), wide(2), wide(3)};
}
inline void store4(const Global<Bf16>& p, Float4 v) {
  const uint32_t words[2] = {pack_bf16(v.x, v.y), pack_bf16(v.z, v.w)};
  std::memcpy(p.vector(sizeof words), words, sizeof words);
}
inline void store2(const Global<Bf16>& p, float x, float y) {
  const uint32_t word = pack_bf16(x, y);
  std::memcpy(p.vector(sizeof word), &word, sizeof word);
}
inline Float4 load4(const Shared<float>& p) {
  Float4 v;
  p.read_four(&v.x);
  return v;
}
inline void store4(const Shared<float>& p, Float4 v) { p.write_four(&v.x); }

// ---- asynchronous copies: the bytes arrive when the thread that asked for them waits, not before ---------------------------
template <class T>
inline void copy_async(const Shared<float>& to, const Global<const T>& from, bool valid) {
  AsyncCopy copy = to.begin_copy();
  if (valid) std::memcpy(copy.value, from.vector(sizeof copy.value), sizeof copy.value);
  Machine::current().thread().open_copies.push_back(copy);
}

inline void copy_async_commit() {
  Thread& self = Machine::current().thread();
  self.copy_groups.push_back(std::move(self.open_copies));
  self.open_copies.clear();
}

template <int Left>
inline void copy_async_wait() {
  Thread& self = Machine::current().thread();
  while (static_cast<int>(self.copy_groups.size()) > Left) {
    for (const AsyncCopy& copy : self.copy_groups.front()) {
      std::memcpy(copy.array->data.get() + copy.first * sizeof(float), copy.value, sizeof copy.value);
      if (copy.array->cells.empty()) continue;
      for (size_t i = copy.first; i < copy.first + 4; ++i) {
        copy.array->cells[i].in_flight = false;
        copy.array->cells[i].write_stamp = self.block->syncs;  // written now, as far as the others can know
        copy.array->cells[i].write_warp_stamp = self.warp->syncs;
        copy.array->cells[i].write_fences = self.proxy_fences;
      }
    }
    self.copy_groups.erase(self.copy_groups.begin());
  }
}

// ---- tensor cores -----------------------------------------------------------------------------------------------------------
inline float round_tf32(float x) { return std::isfinite(x) ? bits_float((float_bits(x) + 0x1000u) & ~0x1fffu) : x; }

inline uint32_t tf32_bits(float x) { return std::isfinite(x) ? float_bits(x) + 0x1000u : float_bits(x); }

// All lanes hand in their row addresses, then each reads its elements.
inline void load_matrix(uint32_t (&r)[4], const Shared<float>& row) {
  Machine& machine = Machine::current();
  const int lane = machine.thread().lane;
  const auto address = reinterpret_cast<uintptr_t>(&row);
  static_assert(sizeof(address) == sizeof(uint64_t));
  const uint64_t word = address;
  const auto* all = machine.exchange(&word, 1);
  for (int m = 0; m < 4; ++m) {
    const auto& theirs = *reinterpret_cast<const Shared<float>*>(all[m * 8 + lane / 4][0]);
    float four[4];
    theirs.read_four(four);
    r[m] = float_bits(four[lane % 4]);
  }
  machine.thread().registers_fenced = false;
  machine.exchange(&word, 1);  // the addresses lie on the lanes' stacks: nobody leaves before all have read
}

// As load_matrix: rows of four words hold eight BF16, of which the lane takes one column, of two rows.
inline void load_transposed(uint32_t (&r)[4], const Shared<float>& row) {
  Machine& machine = Machine::current();
  const int lane = machine.thread().lane, column = lane / 4;
  const uint64_t word = reinterpret_cast<uintptr_t>(&row);
  const auto* all = machine.exchange(&word, 1);
  for (int m = 0; m < 4; ++m) {
    r[m] = 0;
    for (int half = 0; half < 2; ++half) {
      const auto& theirs = *reinterpret_cast<const Shared<float>*>(all[m * 8 + lane % 4 * 2 + half][0]);
      float four[4];
      theirs.read_four(four);
      r[m] |= (float_bits(four[column / 2]) >> (column % 2 * 16) & 0xffffu) << (half * 16);
    }
  }
  machine.thread().registers_fenced = false;
  machine.exchange(&word, 1);  // as in load_matrix
}

// What a tensor core takes of a TF32 operand: the lower 13 bits are not looked at.
inline float tf32_operand(uint64_t bits) { return bits_float(static_cast<uint32_t>(bits) & ~0x1fffu); }

inline void mma_tf32(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  const uint64_t words[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  Machine& machine = Machine::current();
  const int group = machine.thread().lane / 4, in_group = machine.thread().lane % 4;
  const auto* all = machine.exchange(words, 6);
  for (int k = 0; k < 8; ++k) {
    const uint64_t *row = all[group * 4 + k % 4], *column0 = all[in_group * 8 + k % 4], *column1 = all[in_group * 8 + 4 + k % 4];
    const float upper = tf32_operand(row[k / 4 * 2]), lower = tf32_operand(row[k / 4 * 2 + 1]);
    const float left = tf32_operand(column0[4 + k / 4]), right = tf32_operand(column1[4 + k / 4]);
    c[0] = std::fma(upper, left, c[0]);
    c[1] = std::fma(upper, right, c[1]);
    c[2] = std::fma(lower, left, c[2]);
    c[3] = std::fma(lower, right, c[3]);
  }
}

inline void mma_bf16(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
  const uint64_t words[6] = {a[0], a[1], a[2], a[3], b[0], b[1]};
  Machine& machine = Machine::current();
  const int group = machine.thread().lane / 4, in_group = machine.thread().lane % 4;
  const auto* all = machine.exchange(words, 6);
  const auto half = [](uint64_t word, int k) { return bits_float(static_cast<uint32_t>(word) >> (k % 2 * 16) << 16); };
  for (int k = 0; k < 16; ++k) {
    const int lane = k % 8 / 2, part = k / 8;
    const uint64_t *row = all[group * 4 + lane], *column0 = all[in_group * 8 + lane], *column1 = all[in_group * 8 + 4 + lane];
    const float upper = half(row[part * 2], k), lower = half(row[part * 2 + 1], k);
    const float left = half(column0[4 + part], k), right = half(column1[4 + part], k);
    c[0] = std::fma(upper, left, c[0]);
    c[1] = std::fma(upper, right, c[1]);
    c[2] = std::fma(lower, left, c[2]);
    c[3] = std::fma(lower, right, c[3]);
  }
}

// ---- warp-group MMA: carried out when it is waited for, on what shared memory holds then -----------------------------------------
// The emulated device is of compute capability 8.0, or what LDC_CUDA_EMULATED_CAPABILITY says.
inline bool has_wgmma() {
  const char* capability = std::getenv("LDC_CUDA_EMULATED_CAPABILITY");
  return capability != nullptr && std::strcmp(capability, "9.0") == 0 && !wgmma_refused();
}

template <int kN>
class WgmmaSum {
 public:
  void clear() {
    touch();
    std::fill(std::begin(sum_), std::end(sum_), 0.0f);
  }
  void settled() {}
  float operator[](int i) const {
    touch();
    return sum_[i];
  }
  float* data() { return sum_; }  // for wgmma

 private:
  static void touch() {
    Thread& self = Machine::current().thread();
    if (!self.open_mmas.empty() || !self.mma_groups.empty()) Machine::current().trap("sums of a warp-group MMA are touched before its end");
    self.registers_fenced = false;
  }
  float sum_[kN / 2];
};

inline void fence_async_proxy() { ++Machine::current().thread().proxy_fences; }
inline void wgmma_fence() { Machine::current().thread().registers_fenced = true; }
inline uint64_t swizzled_rows(const Shared<float>& p) { return kSwizzledRows | (p.address() & 0x3ffff) >> 4; }

// Byte of shared memory with byte `at` of a row of an operand, as the hardware finds it.
inline size_t wgmma_byte(uint64_t descriptor, int row, int at) {
  const uint32_t start = static_cast<uint32_t>(descriptor & 0x3fff) << 4, eight_rows = static_cast<uint32_t>(descriptor >> 32 & 0x3fff) << 4;
  const int mode = static_cast<int>(descriptor >> 62), bits = 4 - mode;
  if (mode == 0 || (descriptor >> 49 & 7) != 0) Machine::current().trap("a descriptor of a layout that is not emulated");
  const uint32_t row_bytes = 16u << bits, number = static_cast<uint32_t>(row);
  const uint32_t byte = start + number / 8 * eight_rows + number % 8 * row_bytes + static_cast<uint32_t>(at);
  return byte ^ ((byte >> 7 & ((1u << bits) - 1)) << 4);
}

// Checks an operand of so many rows of eight words, each thread a share of it for all of its group.
inline void wgmma_watch(AsyncMma& mma, uint64_t descriptor, int rows) {
  Machine& machine = Machine::current();
  Thread& self = machine.thread();
  SharedArray& array = machine.dynamic_shared(sizeof(float));
  const Shared<float> memory(array);
  for (int i = self.number % kWarpGroup; i < rows * 8; i += kWarpGroup) {
    const size_t at = wgmma_byte(descriptor, i / 8, i % 8 * 4) / sizeof(float);
    (void)memory.read(static_cast<int64_t>(at));
    if (array.cells.empty()) continue;
    const Cell& cell = array.cells[at];
    if (self.block->threads[cell.writer]->proxy_fences == cell.write_fences) {
      machine.trap("a warp-group MMA reads what was written without a fence of the asynchronous proxy");
    }
    mma.watched.push_back({at, cell.write_stamp});
  }
}

inline void wgmma_begin(AsyncMma mma) {
  Thread& self = Machine::current().thread();
  if (!self.registers_fenced) Machine::current().trap("a warp-group MMA without a fence after its registers were touched");
  wgmma_watch(mma, mma.b, mma.columns);
  if (mma.halves) wgmma_watch(mma, mma.a, 64);
  self.open_mmas.push_back(std::move(mma));
}

template <int kN>
inline void wgmma_tf32(WgmmaSum<kN>& c, const uint32_t (&a)[4], uint64_t descriptor) {
  Machine& machine = Machine::current();
  AsyncMma mma = {c.data(), kN, false, {}, 0, descriptor, {}};
  const uint64_t words[4] = {a[0], a[1], a[2], a[3]};
  const auto* all = machine.exchange(words, 4);
  for (int k = 0; k < 8; ++k) {
    const uint64_t* row = all[machine.thread().lane / 4 * 4 + k % 4];
    for (int half = 0; half < 2; ++half) mma.rows[half][k] = tf32_operand(row[k / 4 * 2 + half]);
  }
  wgmma_begin(std::move(mma));
}

template <int kN>
inline void wgmma_bf16(WgmmaSum<kN>& c, uint64_t a, uint64_t b) {
  wgmma_begin({c.data(), kN, true, {}, a, b, {}});
}

inline void wgmma_commit() {
  Thread& self = Machine::current().thread();
  self.mma_groups.push_back(std::move(self.open_mmas));
  self.open_mmas.clear();
}

// Element k of a row of an operand in shared memory.
inline float wgmma_operand(const char* memory, bool halves, uint64_t descriptor, int row, int k) {
  if (halves) {
    uint16_t bits;
    std::memcpy(&bits, memory + wgmma_byte(descriptor, row, 2 * k), sizeof bits);
    return bits_float(uint32_t{bits} << 16);
  }
  uint32_t bits;
  std::memcpy(&bits, memory + wgmma_byte(descriptor, row, 4 * k), sizeof bits);
  return tf32_operand(bits);
}

template <int Left>
inline void wgmma_wait() {
  Machine& machine = Machine::current();
  Thread& self = machine.thread();
  SharedArray& array = machine.dynamic_shared(sizeof(float));
  const char* memory = array.data.get();
  while (static_cast<int>(self.mma_groups.size()) > Left) {
    for (AsyncMma& mma : self.mma_groups.front()) {
      for (const AsyncMma::Watched& watched : mma.watched) {
        if (array.cells[watched.at].in_flight || array.cells[watched.at].write_stamp != watched.write_stamp) {
          machine.trap("an operand of a warp-group MMA was overwritten before its end");
        }
        (void)Shared<float>(array).read(static_cast<int64_t>(watched.at));  // the read lasts until now
      }
      const int depth = mma.halves ? 16 : 8, row = self.number % kWarpGroup / kWarp * 16 + self.lane / 4;
      for (int k = 0; mma.halves && k < depth; ++k) {
        for (int half = 0; half < 2; ++half) mma.rows[half][k] = wgmma_operand(memory, true, mma.a, row + 8 * half, k);
      }
      for (int j = 0; j < mma.columns / 4; ++j) {
        const int n = j / 2 * 8 + self.lane % 4 * 2 + j % 2;
        float &upper = mma.sum[j / 2 * 4 + j % 2], &lower = mma.sum[j / 2 * 4 + 2 + j % 2];
        for (int k = 0; k < depth; ++k) {
          const float b = wgmma_operand(memory, mma.halves, mma.b, n, k);
          upper = std::fma(mma.rows[0][k], b, upper);
          lower = std::fma(mma.rows[1][k], b, lower);
        }
      }
    }
    self.mma_groups.erase(self.mma_groups.begin());
  }
}

// With few of them, small images get the tiles that large ones have: LDC_CUDA_EMULATED_MULTIPROCESSORS.
inline int64_t multiprocessors() {
  const char* count = std::getenv("LDC_CUDA_EMULATED_MULTIPROCESSORS");
  return count == nullptr ? 132 : std::atoll(count);
}

// ---- launches ---------------------------------------------------------------------------------------------------------------
inline Index dimensions(Grid grid) {
  return {static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), static_cast<unsigned>(grid.z)};
}

template <class... P, class... A>
inline void launch(Stream stream, void (*kernel)(P...), Grid grid, int threads, size_t shared_bytes, A... arguments) {
  stream->launch(dimensions(grid), threads, shared_bytes, false, [&] { kernel(arguments...); });
}

template <class... P, class... A>
inline void launch_cooperative(Stream stream, void (*kernel)(P...), int64_t blocks, int threads, A... arguments) {
  stream->launch(dimensions({blocks}), threads, 0, true, [&] { kernel(arguments...); });
}

}  // namespace ldc::cuda::emulated
