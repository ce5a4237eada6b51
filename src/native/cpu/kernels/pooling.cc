// Pooling. Max pooling saves the position of its maximum in the window, one byte an output; the averages save nothing.
//
// In the backward passes each input pixel adds up the outputs it took part in, in row-major order of the windows, and dx is
// written once and in order. One (image, channel block) plane is one item of work; max pooling, whose bytes lie in planes of 16
// channels, goes through a plane of 32 in two halves.
#include <cstring>

#include "../cpu_kernels.h"
#include "loops.h"
#include "sums.h"

namespace ldc::cpu::LDC_ISA {

namespace {

// Where value is larger than best, or NaN, it replaces it, and index replaces tap: what is no number must not be hidden.
inline void take_larger(Vec value, Vec index, Vec& best, Vec& tap) {
#if LDC_ISA_LEVEL == 2
  const __mmask16 taken =
      _mm512_cmp_ps_mask(value.v, best.v, _CMP_GT_OQ) | _mm512_cmp_ps_mask(value.v, value.v, _CMP_UNORD_Q);
  best.v = _mm512_mask_mov_ps(best.v, taken, value.v);
  tap.v = _mm512_mask_mov_ps(tap.v, taken, index.v);
#elif LDC_ISA_LEVEL == 1
  const auto taken = [](__m256 v, __m256 b) {
    return _mm256_or_ps(_mm256_cmp_ps(v, b, _CMP_GT_OQ), _mm256_cmp_ps(v, v, _CMP_UNORD_Q));
  };
  const __m256 lo = taken(value.lo, best.lo), hi = taken(value.hi, best.hi);
  best = {_mm256_blendv_ps(best.lo, value.lo, lo), _mm256_blendv_ps(best.hi, value.hi, hi)};
  tap = {_mm256_blendv_ps(tap.lo, index.lo, lo), _mm256_blendv_ps(tap.hi, index.hi, hi)};
#else
  for (int i = 0; i < kBlock; ++i) {
    const bool taken = value.v[i] > best.v[i] || value.v[i] != value.v[i];
    best.v[i] = taken ? value.v[i] : best.v[i];
    tap.v[i] = taken ? index.v[i] : tap.v[i];
  }
#endif
}

// Maximum of a window and its position, over taps [y0, y1) x [x0, x1) of `lanes` channels whose pixels are `step` apart. corner: the
// window's first pixel, which may lie outside.
template <class T>
[[gnu::always_inline]] inline void window_maximum(const T* corner, int64_t lanes, int64_t row_step, int64_t step, int64_t kernel,
                                                  int64_t y0, int64_t y1, int64_t x0, int64_t x1, Vec& best, Vec& tap) {
  best = load_part(corner + y0 * row_step + x0 * step, lanes);
  tap = Vec::all(static_cast<float>(y0 * kernel + x0));
  for (int64_t y = y0; y < y1; ++y) {
    for (int64_t x = x0; x < x1; ++x) {
      if (y == y0 && x == x0) continue;
      take_larger(load_part(corner + y * row_step + x * step, lanes), Vec::all(static_cast<float>(y * kernel + x)), best, tap);
    }
  }
}

// sum + x where the byte of the lane equals `wanted`; n bytes at p.
inline Vec add_where_equal(Vec sum, const uint8_t* p, int64_t n, int wanted, Vec x) {
#if LDC_ISA_LEVEL == 2
  const __mmask16 there = static_cast<__mmask16>((1u << n) - 1);
  const __m128i bytes = _mm_maskz_loadu_epi8(there, p);
  return {_mm512_mask_add_ps(sum.v, _mm_cmpeq_epi8_mask(bytes, _mm_set1_epi8(static_cast<char>(wanted))), sum.v, x.v)};
#elif LDC_ISA_LEVEL == 1
  alignas(16) uint8_t bytes[kBlock] = {};
  std::memcpy(bytes, p, static_cast<size_t>(n));
  const __m128i equal =
      _mm_cmpeq_epi8(_mm_load_si128(reinterpret_cast<const __m128i*>(bytes)), _mm_set1_epi8(static_cast<char>(wanted)));
  const __m256 lo = _mm256_castsi256_ps(_mm256_cvtepi8_epi32(equal)),
               hi = _mm256_castsi256_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(equal, 8)));
  return {_mm256_blendv_ps(sum.lo, _mm256_add_ps(sum.lo, x.lo), lo),
          _mm256_blendv_ps(sum.hi, _mm256_add_ps(sum.hi, x.hi), hi)};
#else
  for (int64_t i = 0; i < n; ++i) sum.v[i] = p[i] == wanted ? sum.v[i] + x.v[i] : sum.v[i];
  return sum;
#endif
}

// Adds dy of windows column0 .. column1 of one row to the pixel that is their tap `wanted`, where that was their maximum.
// pixel: the one of window column0; the next is `pixel_step` further.
template <class T>
inline void add_tap(const T* dy, int64_t dy_step, const uint8_t* taps, int64_t lanes, int wanted, int64_t column0, int64_t column1,
                    float* pixel, int64_t pixel_step) {
  for (int64_t column = column0; column <= column1; ++column, pixel += pixel_step) {
    const Vec sum = add_where_equal(load_part(pixel, lanes), taps + column * lanes, lanes, wanted, load_part(dy + column * dy_step, lanes));
    store_part(sum, pixel, lanes);
  }
}

// Input lines [begin, end) of an output line of an adaptive pooling, and the share of each in the mean.
struct Bin {
  int32_t begin, end;
  float share;
};

inline void fill_bins(Bin* bins, int64_t in, int64_t out) {
  for (int64_t i = 0; i < out; ++i) {
    const int64_t begin = i * in / out, end = ceil_div((i + 1) * in, out);
    bins[i] = {static_cast<int32_t>(begin), static_cast<int32_t>(end), 1.0f / static_cast<float>(end - begin)};
  }
}

// Whether channels [channel, channel + C) of y are whole blocks of x, so that planes can be written in place.
inline bool whole_blocks(const Tensor& x, const Tensor& y, int64_t channel) {
  const int64_t block = block_of(x);
  return block == block_of(y) && channel % block == 0 && (x.c() % block == 0 || channel + x.c() == y.c());
}

// A tensor for the channels of x alone with the height and width of y, in memory at `data`.
inline Tensor slice_of(const Tensor& x, const Tensor& y, void* data) {
  Tensor slice = y;
  slice.shape[1] = x.c();
  slice.data = data;
  return slice;
}
inline size_t slice_bytes(const Tensor& x, const Tensor& y) {  // a whole number of Bins' alignment
  return (static_cast<size_t>(stored_elements(slice_of(x, y, nullptr))) * bytes_of(y.dtype) + 63) / 64 * 64;
}

}  // namespace

void CpuKernels::max_pool2d_forward(const Tensor& x, int kernel, int stride, int padding, const Tensor& y,
                                    const Tensor& taps) {
  const int64_t height = x.h(), width = x.w(), rows = y.h(), columns = y.w();
  const int64_t block = block_of(x), blocks = blocks_of(x), lanes = block_of(taps), groups = blocks_of(taps);
  with_type(y, [&]<class T>(T* out) {
    const T* in = x.as<T>();
    each_item(pool_, x.n() * blocks, height * width * block, [&](int64_t item) {
      for (int64_t first = 0; first < block; first += lanes) {
        const T* plane = in + item * height * width * block + first;
        T* maximum = out + item * rows * columns * block + first;
        const int64_t group = item % blocks * block / lanes + first / lanes, row_step = width * block;
        uint8_t* position = taps.u8() + (item / blocks * groups + group) * rows * columns * lanes;
        for (int64_t row = 0; row < rows; ++row) {
          const int64_t top = row * stride - padding, y0 = most(0, -top), y1 = least(kernel, height - top);
          for (int64_t column = 0; column < columns; ++column) {
            const int64_t left = column * stride - padding, x0 = most(0, -left), x1 = least(kernel, width - left);
            const T* corner = plane + top * row_step + left * block;
            Vec best, tap;
            // The network's window, where it is whole, with bounds that the compiler knows.
            if (kernel == 3 && lanes == kBlock && y1 - y0 == 3 && x1 - x0 == 3) {
              window_maximum(corner, kBlock, row_step, block, 3, 0, 3, 0, 3, best, tap);
            } else {
              window_maximum(corner, lanes, row_step, block, kernel, y0, y1, x0, x1, best, tap);
            }
            store_part(best, maximum, lanes);
            if (group < groups) store_bytes(tap, position, lanes);
            maximum += block;
            position += lanes;
          }
        }
      }
    });
  });
}

void CpuKernels::max_pool2d_backward(const Tensor& dy, const Tensor& taps, int kernel, int stride, int padding,
                                     const Tensor& dx) {
  const int64_t height = dx.h(), width = dx.w(), rows = dy.h(), columns = dy.w();
  const int64_t block = block_of(dx), blocks = blocks_of(dx), lanes = block_of(taps), groups = blocks_of(taps);
  const int64_t line_elements = width * block;
  auto* buffer = static_cast<float*>(scratch_.get(static_cast<size_t>(pool_.threads() * line_elements) * sizeof(float)));
  with_type(dx, [&]<class T>(T* out) {
    using L = Line<T>;
    const T* upstream = dy.as<T>();
    with_lanes(block, out, stored_elements(dx), [&](auto whole) {
      pool_.each(dx.n() * blocks, [&](int64_t item, int thread) {
        float* line = buffer + thread * line_elements;
        const int64_t first_group = item % blocks * block / lanes;
        for (int64_t i = 0; i < height; ++i) {
          for (int64_t j = 0; j < line_elements; ++j) line[j] = 0;
          const int64_t row0 = ceil_div(most(0, i + padding - kernel + 1), stride),
                        row1 = least(rows - 1, (i + padding) / stride);
          for (int64_t row = row0; row <= row1; ++row) {
            const int64_t ky = i + padding - row * stride;
            for (int64_t group = first_group; group < least(groups, first_group + block / lanes); ++group) {
              const int64_t first = (group - first_group) * lanes;
              const T* source = upstream + (item * rows + row) * columns * block + first;
              const uint8_t* positions = taps.u8() + ((item / blocks * groups + group) * rows + row) * columns * lanes;
              // One tap of all windows of the row at a time; from the right, so that a pixel meets its windows in order.
              for (int64_t kx = kernel - 1; kx >= 0; --kx) {
                const int64_t column0 = ceil_div(most(0, padding - kx), stride);
                const int64_t column1 = width - 1 + padding >= kx ? least(columns - 1, (width - 1 + padding - kx) / stride) : -1;
                if (column1 < column0) continue;
                add_tap(source, block, positions, lanes, static_cast<int>(ky * kernel + kx), column0, column1,
                        line + (column0 * stride + kx - padding) * block + first, stride * block);
              }
            }
          }
          T* target = out + (item * height + i) * line_elements;
          for (int64_t j = 0; j < line_elements; j += whole.size()) whole.store(load_line<L>(line + j, whole.size()), target + j);
        }
        whole.finish();
      });
    });
  });
}

void CpuKernels::adaptive_avg_pool2d_forward(const Tensor& x, const Tensor& y, int64_t channel) {
  const int64_t height = x.h(), width = x.w(), rows = y.h(), columns = y.w(), block = block_of(x), blocks = blocks_of(x);
  const bool direct = whole_blocks(x, y, channel);
  const size_t staging = direct ? 0 : slice_bytes(x, y);
  auto* memory = static_cast<char*>(scratch_.get(staging + static_cast<size_t>(rows + columns) * sizeof(Bin)));
  Bin *row_bins = reinterpret_cast<Bin*>(memory + staging), *column_bins = row_bins + rows;
  fill_bins(row_bins, height, rows);
  fill_bins(column_bins, width, columns);

  const Tensor to = direct ? y : slice_of(x, y, memory);
  const int64_t out_blocks = blocks_of(to), first_block = direct ? channel / block : 0;
  with_type(to, [&]<class T>(T* out) {
    using L = Line<T>;
    const T* in = x.as<T>();
    with_lanes<T>(block, nullptr, 0, [&](auto lanes) {
      each_item(pool_, x.n() * blocks, most(height * width, rows * columns) * block, [&](int64_t item) {
        const T* plane = in + item * height * width * block;
        T* target = out + (item / blocks * out_blocks + first_block + item % blocks) * rows * columns * block;
        for (int64_t row = 0; row < rows; ++row) {
          const Bin down = row_bins[row];
          const L share = L::all(down.share);
          for (int64_t column = 0; column < columns; ++column, target += lanes.size()) {
            const Bin across = column_bins[column];
            L sum = L::zero();
            for (int64_t i = down.begin; i < down.end; ++i) {
              for (int64_t j = across.begin; j < across.end; ++j) sum = sum + lanes.load(plane + (i * width + j) * lanes.size());
            }
            lanes.store(sum * (share * L::all(across.share)), target);
          }
        }
      });
    });
  });
  if (!direct) copy_channels(to, 0, y, channel, x.c());
}

void CpuKernels::adaptive_avg_pool2d_backward(const Tensor& dy, int64_t channel, const Tensor& dx) {
  const int64_t height = dx.h(), width = dx.w(), rows = dy.h(), columns = dy.w(), block = block_of(dx), blocks = blocks_of(dx);
  const bool direct = whole_blocks(dx, dy, channel);
  const size_t staging = direct ? 0 : slice_bytes(dx, dy);
  auto* memory = static_cast<char*>(scratch_.get(staging + static_cast<size_t>(rows + columns + height + width) * sizeof(Bin)));
  Bin *row_bins = reinterpret_cast<Bin*>(memory + staging), *column_bins = row_bins + rows;
  fill_bins(row_bins, height, rows);
  fill_bins(column_bins, width, columns);
  // Bins overlap an input just where the bins of the opposite pooling would: these are the outputs of each input line.
  Bin *of_row = column_bins + columns, *of_column = of_row + height;
  fill_bins(of_row, rows, height);
  fill_bins(of_column, columns, width);
  const Tensor from = direct ? dy : slice_of(dx, dy, memory);
  if (!direct) copy_channels(dy, channel, from, 0, dx.c());

  const int64_t in_blocks = blocks_of(from), first_block = direct ? channel / block : 0;
  with_type(dx, [&]<class T>(T* out) {
    using L = Line<T>;
    const T* upstream = from.as<T>();
    with_lanes(block, out, stored_elements(dx), [&](auto lanes) {
      each_item(pool_, dx.n() * blocks, most(height * width, rows * columns) * block, [&](int64_t item) {
        const T* plane = upstream + (item / blocks * in_blocks + first_block + item % blocks) * rows * columns * block;
        T* target = out + item * height * width * block;
        for (int64_t i = 0; i < height; ++i) {
          for (int64_t j = 0; j < width; ++j, target += lanes.size()) {
            L sum = L::zero();
            for (int64_t row = of_row[i].begin; row < of_row[i].end; ++row) {
              const T* line = plane + row * columns * block;
              L along = L::zero();
              for (int64_t column = of_column[j].begin; column < of_column[j].end; ++column) {
                along = fma(lanes.load(line + column * lanes.size()), L::all(column_bins[column].share), along);
              }
              sum = fma(along, L::all(row_bins[row].share), sum);
            }
            lanes.store(sum, target);
          }
        }
        lanes.finish();
      });
    });
  });
}

void CpuKernels::global_avg_pool_forward(const Tensor& x, const Tensor& y) {
  const int64_t channels = x.c(), block = block_of(x), blocks = blocks_of(x), pixels = x.h() * x.w();
  float* out = y.f32();
  with_type(x, [&]<class T>(const T* in) {
    with_lanes<T>(block, nullptr, 0, [&](auto lanes) {
      each_item(pool_, x.n() * blocks, pixels * block, [&](int64_t item) {
        const int64_t first = item % blocks * block;
        const auto mean = plane_mean(lanes, in + item * pixels * block, pixels);
        store_line(mean, out + item / blocks * channels + first, least(block, channels - first));
      });
    });
  });
}

void CpuKernels::global_avg_pool_backward(const Tensor& dy, const Tensor& dx) {
  const int64_t channels = dx.c(), block = block_of(dx), blocks = blocks_of(dx), pixels = dx.h() * dx.w();
  const float* upstream = dy.f32();
  with_type(dx, [&]<class T>(T* out) {
    using L = Line<T>;
    const L share = L::all(1.0f / static_cast<float>(pixels));
    with_lanes(block, out, stored_elements(dx), [&](auto lanes) {
      each_item(pool_, dx.n() * blocks, pixels * block, [&](int64_t item) {
        const L gradient = load_channels<T>(upstream + item / blocks * channels, item % blocks, channels) * share;
        for (int64_t p = item * pixels; p < (item + 1) * pixels; ++p) lanes.store(gradient, out + p * lanes.size());
        lanes.finish();
      });
    });
  });
}

}  // namespace ldc::cpu::LDC_ISA
