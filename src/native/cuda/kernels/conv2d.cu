// Convolution, forward and data gradient: implicit matrix multiplication (conv2d_gather.h) by tiles of 128 pixels x kN channels.
//
// Rows of both tiles have their K side by side, 16 floats and 4 of padding: copies of 16 bytes go from global to shared memory
// without registers, kStages deep, and ldmatrix and 16-byte loads read them without bank conflicts. A warp multiplies 64 x 32
// by mma.sync in TF32 or BF16; with fp32 each thread multiplies 8 x 8 by FMA. Sums run over K in order, whatever the tiling.
#include <stdexcept>

#include "conv2d_gather.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

constexpr int kM = 128, kK = 16, kGroups = kK / 4, kRow = kK + 4, kStages = 3;

template <int kN>
constexpr int threads_of() {
  return 2 * kN;
}
template <int kN>
constexpr size_t shared_bytes() {
  return sizeof(float) * kStages * (kM + kN) * kRow;
}

// Copies one step of K to a stage. Each thread has a group of four channels and every (threads / kGroups)-th row.
template <int kN>
class Loader {
 public:
  static constexpr int kRowStep = threads_of<kN>() / kGroups, kRowsA = kM / kRowStep, kRowsB = kN / kRowStep;

  LDC_DEVICE Loader(const ConvShape& shape, const Axis& down, const Axis& across, Global<const float> x, Global<const float> w)
      : shape_(shape), down_(down), across_(across), x_(x), w_(w), groups_(shape.in_c / 4),
        group_(static_cast<int>(threadIdx.x) % kGroups), row_(static_cast<int>(threadIdx.x) / kGroups),
        walk_(group_, groups_, across.taps) {
    const int pixels = down.lines * across.lines;
#pragma unroll
    for (int i = 0; i < kRowsA; ++i) {
      const int64_t m = static_cast<int64_t>(blockIdx.x) * kM + row_ + i * kRowStep;
      const int64_t image = m / pixels;
      const int pixel = static_cast<int>(m % pixels);
      there_[i] = image < shape.batch;
      line_[i] = pixel / across.lines * down.mul + down.base;
      column_[i] = pixel % across.lines * across.mul + across.base;
      image_[i] = static_cast<int>(image) * shape.in_h;
    }
  }

  LDC_DEVICE void load(Shared<float> stage) {
    const bool in_k = walk_.ty < down_.taps;
    const int dy = walk_.ty * down_.step, dx = walk_.tx * across_.step, c = 4 * walk_.c;
#pragma unroll
    for (int i = 0; i < kRowsA; ++i) {
      const int line = line_[i] + dy, column = column_[i] + dx;
      const bool there = in_k && there_[i] && line >= 0 && line < shape_.in_h && column >= 0 && column < shape_.in_w;
      const int64_t at = (static_cast<int64_t>(image_[i] + line) * shape_.in_w + column) * shape_.in_c + c;
      copy_async(stage + ((row_ + i * kRowStep) * kRow + 4 * group_), x_ + (there ? at : 0), there);
    }
    const int tap = (down_.first_tap + walk_.ty * down_.tap_stride) * shape_.kernel + across_.first_tap + walk_.tx * across_.tap_stride;
#pragma unroll
    for (int i = 0; i < kRowsB; ++i) {
      const int n = static_cast<int>(blockIdx.y) * kN + row_ + i * kRowStep;
      const bool there = in_k && n < shape_.out_c;
      const int64_t at = (static_cast<int64_t>(tap) * shape_.out_c + n) * shape_.in_c + c;
      copy_async(stage + ((kM + row_ + i * kRowStep) * kRow + 4 * group_), w_ + (there ? at : 0), there);
    }
    walk_.advance(kGroups, groups_, across_.taps);
  }

 private:
  const ConvShape& shape_;
  const Axis &down_, &across_;
  const Global<const float> x_, w_;
  const int groups_, group_, row_;
  Walk walk_;
  bool there_[kRowsA];
  int line_[kRowsA], column_[kRowsA], image_[kRowsA];
};

// Writes C[m, n] and hands out where: the pixel of row m of this block, or -1.
struct Writer {
  const ConvShape& shape;
  const Axis &down, &across;
  Global<const float> bias;  // [channels] or null
  int channels;
  Global<float> y;

  LDC_DEVICE int64_t offset(int row) const {
    const int pixels = down.lines * across.lines;
    const int64_t m = static_cast<int64_t>(blockIdx.x) * kM + row, image = m / pixels;
    if (image >= shape.batch) return -1;
    const int pixel = static_cast<int>(m % pixels);
    const int line = pixel / across.lines * down.out_mul + down.out_base;
    const int column = pixel % across.lines * across.out_mul + across.out_base;
    return ((image * shape.out_h + line) * shape.out_w + column) * shape.out_c;
  }
  LDC_DEVICE float offset_of(int n) const { return bias == nullptr || n >= channels ? 0.0f : bias[n]; }
};

// Eight by eight results a thread, by FMA: rows ty + 16 i, columns tx + (kN / 8) j.
template <int kN>
class FmaTile {
 public:
  LDC_DEVICE FmaTile() : tx_(static_cast<int>(threadIdx.x) % (kN / 8)), ty_(static_cast<int>(threadIdx.x) / (kN / 8)) {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
#pragma unroll
      for (int j = 0; j < 8; ++j) sum_[i][j] = 0;
    }
  }

  LDC_DEVICE void multiply(Shared<float> stage) {
#pragma unroll 1  // more would not fit the registers
    for (int k = 0; k < kK; k += 4) {
      Float4 a[8];
#pragma unroll
      for (int i = 0; i < 8; ++i) a[i] = load4(stage + ((ty_ + 16 * i) * kRow + k));
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const Float4 b = load4(stage + ((kM + tx_ + kN / 8 * j) * kRow + k));
#pragma unroll
        for (int i = 0; i < 8; ++i) {
          sum_[i][j] = fmaf(a[i].w, b.w, fmaf(a[i].z, b.z, fmaf(a[i].y, b.y, fmaf(a[i].x, b.x, sum_[i][j]))));
        }
      }
    }
  }

  LDC_DEVICE void write(const Writer& to) const {
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const int64_t at = to.offset(ty_ + 16 * i);
      if (at < 0) continue;
#pragma unroll
      for (int j = 0; j < 8; ++j) {
        const int n = static_cast<int>(blockIdx.y) * kN + tx_ + kN / 8 * j;
        if (n < to.shape.out_c) to.y[at + n] = sum_[i][j] + to.offset_of(n);
      }
    }
  }

 private:
  const int tx_, ty_;
  float sum_[8][8];
};

// 64 x 32 results a warp, by tensor core: two warps down, kN / 32 across; fragments of 16 x 8.
template <int kN, Precision kPrecision>
class MmaTile {
 public:
  LDC_DEVICE MmaTile()
      : lane_(static_cast<int>(threadIdx.x) % kWarp), row_(static_cast<int>(threadIdx.x) / kWarp % 2 * 64),
        column_(static_cast<int>(threadIdx.x) / kWarp / 2 * 32) {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
#pragma unroll
        for (int e = 0; e < 4; ++e) sum_[i][j][e] = 0;
      }
    }
  }

  LDC_DEVICE void multiply(Shared<float> stage) {
    uint32_t a[2][4][4], b[2][4][2];  // two steps of eight in K
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        // Matrices: rows 0-7 and 8-15 of K 0-3, then of K 4-7.
        load_matrix(a[half][i], stage + ((row_ + 16 * i + lane_ % 16) * kRow + 8 * half + lane_ / 16 * 4));
      }
#pragma unroll
      for (int j = 0; j < 4; j += 2) {
        // Matrices: columns 0-7 of K 0-3 and 4-7, then columns 8-15.
        uint32_t r[4];
        load_matrix(r, stage + ((kM + column_ + 8 * j + lane_ / 16 * 8 + lane_ % 8) * kRow + 8 * half + lane_ / 8 % 2 * 4));
        b[half][j][0] = r[0];
        b[half][j][1] = r[1];
        b[half][j + 1][0] = r[2];
        b[half][j + 1][1] = r[3];
      }
    }
    if constexpr (kPrecision == Precision::tf32) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
#pragma unroll
        for (int i = 0; i < 4; ++i) {
#pragma unroll
          for (int e = 0; e < 4; ++e) a[half][i][e] = float_bits(round_tf32(bits_float(a[half][i][e])));
#pragma unroll
          for (int j = 0; j < 4; ++j) mma_tf32(sum_[i][j], a[half][i], b[half][j]);
        }
      }
    } else {
      // The order of K is free as long as both operands have the same: the pairs of BF16 are K t and t + 4 of each eight.
      uint32_t columns[4][2];
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        columns[j][0] = pack_bf16(bits_float(b[0][j][0]), bits_float(b[0][j][1]));
        columns[j][1] = pack_bf16(bits_float(b[1][j][0]), bits_float(b[1][j][1]));
      }
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        const uint32_t rows[4] = {pack_bf16(bits_float(a[0][i][0]), bits_float(a[0][i][2])),
                                  pack_bf16(bits_float(a[0][i][1]), bits_float(a[0][i][3])),
                                  pack_bf16(bits_float(a[1][i][0]), bits_float(a[1][i][2])),
                                  pack_bf16(bits_float(a[1][i][1]), bits_float(a[1][i][3]))};
#pragma unroll
        for (int j = 0; j < 4; ++j) mma_bf16(sum_[i][j], rows, columns[j]);
      }
    }
  }

  LDC_DEVICE void write(const Writer& to) const {
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        const int64_t at = to.offset(row_ + 16 * i + 8 * half + lane_ / 4);
        if (at < 0) continue;
#pragma unroll
        for (int j = 0; j < 4; ++j) {
          const int n = static_cast<int>(blockIdx.y) * kN + column_ + 8 * j + lane_ % 4 * 2;
          if (n >= to.shape.out_c) continue;
          store2(to.y + (at + n), sum_[i][j][2 * half] + to.offset_of(n), sum_[i][j][2 * half + 1] + to.offset_of(n + 1));
        }
      }
    }
  }

 private:
  const int lane_, row_, column_;
  float sum_[4][4][4];
};

template <int kN, Precision kPrecision>
struct TileOf {
  using Type = MmaTile<kN, kPrecision>;
};
template <int kN>
struct TileOf<kN, Precision::fp32> {
  using Type = FmaTile<kN>;
};

// Grid: tiles of pixels, tiles of channels, remainders by the stride (data gradient).
template <int kN, Precision kPrecision>
LDC_KERNEL void LDC_BOUNDS(2 * kN, kPrecision == Precision::fp32 ? 192 / kN : 256 / kN) conv2d_kernel(ConvShape shape, Global<const float> x, Global<const float> w,
                                                           Global<const float> bias, int channels, Global<float> y) {
  LDC_DYNAMIC_SHARED(float, stages);
  const int remainder = static_cast<int>(blockIdx.z);
  const Axis down = axis_of(shape, shape.out_h, remainder / shape.stride), across = axis_of(shape, shape.out_w, remainder % shape.stride);
  if (static_cast<int64_t>(blockIdx.x) * kM >= static_cast<int64_t>(shape.batch) * down.lines * across.lines) return;
  Loader<kN> loader(shape, down, across, x, w);
  typename TileOf<kN, kPrecision>::Type tile;
  const int steps = (down.taps * across.taps * (shape.in_c / 4) + kGroups - 1) / kGroups;
  constexpr int kStage = (kM + kN) * kRow;
  for (int s = 0; s < kStages - 1; ++s) {
    if (s < steps) loader.load(stages + s * kStage);
    copy_async_commit();
  }
  for (int step = 0; step < steps; ++step) {
    copy_async_wait<kStages - 2>();
    sync_block();  // this step has arrived for everyone, and everyone has left the stage that is filled next
    if (step + kStages - 1 < steps) loader.load(stages + (step + kStages - 1) % kStages * kStage);
    copy_async_commit();
    tile.multiply(stages + step % kStages * kStage);
  }
  tile.write({shape, down, across, bias, channels, y});
}

template <int kN, Precision kPrecision>
void start(Stream stream, const ConvShape& shape, Grid grid, Global<const float> x, Global<const float> w, Global<const float> bias,
           int channels, Global<float> y) {
  grid.y = ceil_div(shape.out_c, kN);
  launch(stream, conv2d_kernel<kN, kPrecision>, grid, threads_of<kN>(), shared_bytes<kN>(), shape, x, w, bias, channels, y);
}

template <int kN>
void start(Stream stream, Precision precision, const ConvShape& shape, Grid grid, Global<const float> x, Global<const float> w,
           Global<const float> bias, int channels, Global<float> y) {
  switch (precision) {
    case Precision::fp32: return start<kN, Precision::fp32>(stream, shape, grid, x, w, bias, channels, y);
    case Precision::tf32: return start<kN, Precision::tf32>(stream, shape, grid, x, w, bias, channels, y);
    case Precision::bf16: return start<kN, Precision::bf16>(stream, shape, grid, x, w, bias, channels, y);
  }
}

// Wide tiles reuse more; narrow ones give small layers more blocks. The bits are the same.
void convolve(Stream stream, Precision precision, const ConvShape& shape, Global<const float> x, Global<const float> w,
              Global<const float> bias, int channels, Global<float> y) {
  constexpr int64_t kFewBlocks = 264;
  const int classes = shape.transposed ? shape.stride : 1;
  const int64_t pixels = shape.batch * ceil_div(shape.out_h, classes) * ceil_div(shape.out_w, classes);
  const Grid grid = {ceil_div(pixels, kM), 1, int64_t{classes} * classes};
  if (shape.out_c <= 64 || grid.x * grid.z * ceil_div(shape.out_c, 128) < kFewBlocks) {
    start<64>(stream, precision, shape, grid, x, w, bias, channels, y);
  } else {
    start<128>(stream, precision, shape, grid, x, w, bias, channels, y);
  }
}

ConvShape shape_of(const Conv2d& conv, const Tensor& from, const Tensor& to, int64_t kernel, bool transposed) {
  const auto narrow = [](int64_t v) {
    if (v > (int64_t{1} << 30)) throw std::invalid_argument("a convolution is too large for this device");
    return static_cast<int>(v);
  };
  return {narrow(from.n()), narrow(from.h()), narrow(from.w()), narrow(stored_channels(from.c())), narrow(to.h()), narrow(to.w()),
          narrow(stored_channels(to.c())), narrow(kernel), conv.stride, conv.padding, transposed};
}

}  // namespace

void CudaKernels::conv2d_forward(const Conv2d& conv, const Tensor& x, const Tensor& packed, int64_t kernel, const Tensor& bias,
                                 const Tensor& y) {
  convolve(stream_, precision_, shape_of(conv, x, y, kernel, false), input(x), input(packed), input(bias), static_cast<int>(y.c()),
           output(y));
}

void CudaKernels::conv2d_data_grad(const Conv2d& conv, const Tensor& dy, const Tensor& packed, int64_t kernel, const Tensor& dx) {
  convolve(stream_, precision_, shape_of(conv, dy, dx, kernel, true), input(dy), input(packed), {}, static_cast<int>(dx.c()),
           output(dx));
}

}  // namespace ldc::cuda::LDC_TARGET
