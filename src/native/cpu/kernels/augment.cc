// Augmentation of images: rotation, resized crop with mirroring, colours. Positions are worked out in double, once a pixel or a line;
// values are float32 and are never rounded to bytes.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "../cpu_kernels.h"
#include "loops.h"
#include "taps.h"

namespace ldc::cpu::LDC_ISA {

namespace {

inline int64_t clamped(int64_t v, int64_t low, int64_t high) { return v < low ? low : v > high ? high : v; }

// What is not a number, or far off, is outside of the image.
inline double bounded(double s) { return s > -8 && s < 1e9 ? s : -8; }

}  // namespace

void CpuKernels::rotate(const Tensor& x, const Tensor& images, const Tensor& turns, bool nearest, const Tensor& y) {
  const int64_t height = x.h(), width = x.w(), block = block_of(x.c()), blocks = blocks_of(x.c());
  const double cx = static_cast<double>(width - 1) / 2, cy = static_cast<double>(height - 1) / 2;
  with_lanes<float>(block, nullptr, stored_elements(y), [&](auto lanes) {
    // One item is one output row of one plane.
    each_item(pool_, y.n() * blocks * height, 8 * width * block, [&](int64_t item) {
      const int64_t n = item / height / blocks, image = clamped(images.i32()[n], 0, x.n() - 1);
      const float* plane = x.f32() + (image * blocks + item / height % blocks) * height * width * block;
      float* target = y.f32() + item * width * block;
      const double cosine = turns.f32()[2 * n], sine = turns.f32()[2 * n + 1], dy = static_cast<double>(item % height) - cy;
      // Zero outside of the image.
      const auto at = [&](int64_t row, int64_t column) {
        const bool inside = row >= 0 && row < height && column >= 0 && column < width;
        return inside ? lanes.load(plane + (row * width + column) * block) : Vec::zero();
      };
      for (int64_t column = 0; column < width; ++column, target += block) {
        const double dx = static_cast<double>(column) - cx;
        const double sx = bounded(cx + dx * cosine - dy * sine), sy = bounded(cy + dx * sine + dy * cosine);
        if (nearest) {
          lanes.store(at(static_cast<int64_t>(std::floor(sy + 0.5)), static_cast<int64_t>(std::floor(sx + 0.5))), target);
          continue;
        }
        const double left = std::floor(sx), upper = std::floor(sy);
        const Vec u = Vec::all(static_cast<float>(sx - left)), v = Vec::all(static_cast<float>(sy - upper));
        const int64_t i = static_cast<int64_t>(left), j = static_cast<int64_t>(upper);
        const Vec a = at(j, i), b = at(j + 1, i);
        const Vec top = fma(u, at(j, i + 1) - a, a), bottom = fma(u, at(j + 1, i + 1) - b, b);
        lanes.store(fma(v, bottom - top, top), target);
      }
      lanes.finish();
    });
  });
}

void CpuKernels::resized_crop(const Tensor& x, const Tensor& crops, const Tensor& y) {
  const int64_t height = x.h(), width = x.w(), rows = y.h(), columns = y.w(), block = block_of(x.c()), blocks = blocks_of(x.c());
  Tap* row_taps = static_cast<Tap*>(scratch_.get(static_cast<size_t>(y.n() * (rows + columns)) * sizeof(Tap)));
  Tap* column_taps = row_taps + y.n() * rows;
  for (int64_t n = 0; n < y.n(); ++n) {
    const int32_t* crop = crops.i32() + 6 * n;
    const int64_t top = clamped(crop[1], 0, height - 1), left = clamped(crop[2], 0, width - 1);
    fill_taps(row_taps + n * rows, top, clamped(crop[3], 1, height - top), rows);
    fill_taps(column_taps + n * columns, left, clamped(crop[4], 1, width - left), columns);
  }
  with_lanes<float>(block, nullptr, stored_elements(y), [&](auto lanes) {
    // One item is one output row of one plane.
    each_item(pool_, y.n() * blocks * rows, 4 * columns * block, [&](int64_t item) {
      const int64_t n = item / rows / blocks, image = clamped(crops.i32()[6 * n], 0, x.n() - 1);
      const bool mirrored = crops.i32()[6 * n + 5] != 0;
      const Tap down = row_taps[n * rows + item % rows];
      const float* plane = x.f32() + (image * blocks + item / rows % blocks) * height * width * block;
      const float *upper = plane + down.near * width * block, *lower = plane + down.far * width * block;
      const auto place = [&](int64_t column) { return y.f32() + (item * columns + (mirrored ? columns - 1 - column : column)) * block; };
      // A box of the output's size has no fractions: its pixels are copied as they are.
      const Tap first = column_taps[n * columns], last = column_taps[(n + 1) * columns - 1];
      const bool whole_columns = last.near - first.near == columns - 1 && last.weight == 0.0f;
      if (whole_columns && down.weight == 0.0f) {
        const float* from = upper + first.near * block;
        if (!mirrored) std::memcpy(place(0), from, static_cast<size_t>(columns * block) * sizeof(float));
        for (int64_t i = 0; mirrored && i < columns * block; i += block) std::copy_n(from + i, block, place(i / block));
        return;
      }
      const Vec v = Vec::all(down.weight);
      for (int64_t column = 0; column < columns; ++column) {
        const Tap across = column_taps[n * columns + column];
        const int64_t near = across.near * block, far = across.far * block;
        const Vec u = Vec::all(across.weight);
        const Vec a = lanes.load(upper + near), b = lanes.load(lower + near);
        const Vec top = fma(u, lanes.load(upper + far) - a, a), bottom = fma(u, lanes.load(lower + far) - b, b);
        lanes.store(fma(v, bottom - top, top), place(column));
      }
      lanes.finish();
    });
  });
}

void CpuKernels::mix_colours(const Tensor& x, const Tensor& colours, const Tensor& y) {
  const int64_t pixels = x.h() * x.w();
  each_item(pool_, x.n(), 3 * pixels, [&](int64_t n) {
    const float *in = x.f32() + n * 3 * pixels, *m = colours.f32() + 10 * n;
    float* out = y.f32() + n * 3 * pixels;
    double grey = 0;
    for (int64_t i = 0; i < pixels; ++i) grey += 0.299 * in[3 * i] + 0.587 * in[3 * i + 1] + 0.114 * in[3 * i + 2];
    const float offset = static_cast<float>(m[9] * (grey / static_cast<double>(pixels)));
    for (int64_t i = 0; i < pixels; ++i) {
      const float r = in[3 * i], g = in[3 * i + 1], b = in[3 * i + 2];
      for (int c = 0; c < 3; ++c) {
        const float value = std::fma(m[3 * c], r, std::fma(m[3 * c + 1], g, std::fma(m[3 * c + 2], b, offset)));
        out[3 * i + c] = value < 0 ? 0 : value > 1 ? 1 : value;
      }
    }
  });
}

}  // namespace ldc::cpu::LDC_ISA
