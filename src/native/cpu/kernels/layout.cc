// Between dense arrays and the features layout, and channel ranges within it. Only data moves; the one computation is the
// affine map from pixels to network input. With C <= 4 a features tensor is NHWC without padding (features.h), which makes
// images and single-channel maps straight copies.
#include <cstring>
#include <type_traits>

#include "../cpu_kernels.h"
#include "loops.h"

namespace ldc::cpu::LDC_ISA {

namespace {

// Four floats, in the compiler's own vector type: 128 bits are there on every instruction set.
typedef float Four __attribute__((vector_size(16)));

inline Four load_four(const float* p) {
  Four r;
  std::memcpy(&r, p, sizeof r);
  return r;
}

// b(j,i) = a(i,j) for 4 x 4 elements; consecutive i lie a_step apart in a, consecutive j b_step apart in b.
inline void transpose_four(const float* a, int64_t a_step, float* b, int64_t b_step) {
  const Four r0 = load_four(a), r1 = load_four(a + a_step), r2 = load_four(a + 2 * a_step), r3 = load_four(a + 3 * a_step);
  const Four low01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5), high01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
  const Four low23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5), high23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
  const Four columns[4] = {
      __builtin_shufflevector(low01, low23, 0, 1, 4, 5), __builtin_shufflevector(low01, low23, 2, 3, 6, 7),
      __builtin_shufflevector(high01, high23, 0, 1, 4, 5), __builtin_shufflevector(high01, high23, 2, 3, 6, 7)};
  for (int j = 0; j < 4; ++j) std::memcpy(b + j * b_step, &columns[j], sizeof(Four));
}

// b(j,i) = a(i,j), i < rows, j < columns.
inline void transpose(const float* a, int64_t a_step, int64_t rows, int64_t columns, float* b, int64_t b_step) {
  const int64_t whole_rows = rows - rows % 4, whole_columns = columns - columns % 4;
  for (int64_t j = 0; j < whole_columns; j += 4) {
    for (int64_t i = 0; i < whole_rows; i += 4) transpose_four(a + i * a_step + j, a_step, b + j * b_step + i, b_step);
  }
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; ++j) b[j * b_step + i] = a[i * a_step + j];
  }
}

// The same from or to bf16.
template <class A, class B>
inline void transpose(const A* a, int64_t a_step, int64_t rows, int64_t columns, B* b, int64_t b_step) {
  for (int64_t i = 0; i < rows; ++i) {
    for (int64_t j = 0; j < columns; ++j) {
      if constexpr (std::is_same_v<A, Bf16>) {
        b[j * b_step + i] = widened(a[i * a_step + j]);
      } else {
        b[j * b_step + i] = rounded(a[i * a_step + j]);
      }
    }
  }
}

// Where channel c of image n begins in a features tensor; its pixels follow at a distance of block_of(t).
inline int64_t channel_offset(const Tensor& t, int64_t n, int64_t c) {
  const int64_t block = block_of(t);
  return (n * blocks_of(t) + c / block) * t.h() * t.w() * block + c % block;
}

}  // namespace

void CpuKernels::to_features(const Tensor& x, const Tensor& y) {
  const float* in = x.f32();
  const int64_t channels = y.c(), block = block_of(y), blocks = blocks_of(y), pixels = y.h() * y.w();
  with_type(y, [&]<class T>(T* out) {
    each_item(pool_, y.n() * blocks, pixels * block, [=](int64_t item) {
      const int64_t n = item / blocks, first = item % blocks * block, valid = least(block, channels - first);
      T* target = out + item * pixels * block;
      transpose(in + (n * channels + first) * pixels, pixels, valid, pixels, target, block);
      for (int64_t p = 0; p < pixels; ++p) {
        for (int64_t c = valid; c < block; ++c) target[p * block + c] = {};
      }
    });
  });
}

void CpuKernels::to_dense(const Tensor& x, const Tensor& y) {
  float* out = y.f32();
  const int64_t channels = x.c(), block = block_of(x), blocks = blocks_of(x), pixels = x.h() * x.w();
  with_type(x, [&]<class T>(const T* in) {
    each_item(pool_, x.n() * blocks, pixels * block, [=](int64_t item) {
      const int64_t n = item / blocks, first = item % blocks * block, valid = least(block, channels - first);
      transpose(in + item * pixels * block, block, pixels, valid, out + (n * channels + first) * pixels, pixels);
    });
  });
}

// A block of y is made of one block of x or of two halves, or is half of one.
void CpuKernels::convert(const Tensor& x, const Tensor& y) {
  const int64_t lanes = least(block_of(x), block_of(y)), groups = blocks_of(y) * block_of(y) / lanes, pixels = y.h() * y.w();
  with_type(y, [&]<class T>(T* out) {
    using Other = std::conditional_t<std::is_same_v<T, float>, Bf16, float>;
    const Other* in = x.as<Other>();
    each_item(pool_, y.n() * groups, pixels * lanes, [&](int64_t item) {
      const int64_t n = item / groups, c = item % groups * lanes;
      T* target = out + channel_offset(y, n, c);
      const Other* source = in + channel_offset(x, n, c);
      const bool there = c < x.c();  // else padding of y alone
      for (int64_t p = 0; p < pixels; ++p, target += block_of(y), source += there ? block_of(x) : 0) {
        store_part(there ? load_part(source, lanes) : Vec::zero(), target, lanes);
      }
    });
  });
}

void CpuKernels::images_to_features(const Tensor& x, const float scale[3], const float shift[3], const Tensor& y) {
  const uint8_t* in = x.u8();
  // Both sides are NHWC. 16 pixels fill three vectors, so the factors of each lane repeat after three.
  constexpr int64_t kPeriod = 3 * kBlock;
  float factors[kPeriod], offsets[kPeriod];
  for (int64_t i = 0; i < kPeriod; ++i) {
    factors[i] = scale[i % 3];
    offsets[i] = shift[i % 3];
  }
  const int64_t total = y.elements();
  with_type(y, [&]<class T>(T* out) {
    each_item(pool_, ceil_div(total, kPeriod), kPeriod, [&](int64_t period) {
      const int64_t begin = period * kPeriod;
      for (int64_t at = 0; at < least(kPeriod, total - begin); at += kBlock) {
        const int64_t n = least(kBlock, total - begin - at);
        const Vec value = fma(load_bytes(in + begin + at, n), Vec::load(factors + at), Vec::load(offsets + at));
        store_part(value, out + begin + at, n);
      }
    });
  });
}

void CpuKernels::copy_channels(const Tensor& x, int64_t from, const Tensor& y, int64_t to, int64_t count) {
  const int64_t pixels = y.h() * y.w(), channels = y.c(), block = block_of(y);
  const bool last = to + count == channels;  // then the padding behind it is ours to clear
  const bool same_blocks = block_of(x) == block && from % block == 0 && to % block == 0;
  with_type(y, [&]<class T>(T* out) {
    const T* in = x.as<T>();
    if (same_blocks && (count % block == 0 || (last && from + count == x.c()))) {
      const int64_t blocks = ceil_div(count, block), plane = pixels * block;
      each_item(pool_, y.n() * blocks, plane, [&](int64_t item) {
        const int64_t n = item / blocks, b = item % blocks * block;
        std::memcpy(out + channel_offset(y, n, to + b), in + channel_offset(x, n, from + b), static_cast<size_t>(plane) * sizeof(T));
      });
      return;
    }
    const int64_t x_step = block_of(x), stored = blocks_of(y) * block;
    each_item(pool_, y.n(), pixels * count, [&](int64_t n) {
      for (int64_t c = 0; c < count; ++c) {
        const T* source = in + channel_offset(x, n, from + c);
        T* target = out + channel_offset(y, n, to + c);
        for (int64_t p = 0; p < pixels; ++p) target[p * block] = source[p * x_step];
      }
      for (int64_t c = channels; last && c < stored; ++c) {
        T* target = out + channel_offset(y, n, c);
        for (int64_t p = 0; p < pixels; ++p) target[p * block] = {};
      }
    });
  });
}

}  // namespace ldc::cpu::LDC_ISA
