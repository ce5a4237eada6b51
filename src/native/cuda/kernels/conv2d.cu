// Convolution, forward and data gradient: implicit matrix multiplication (conv2d_gather.h) by blocks of 128 pixels x kN channels
// (conv2d_tile.h). A warp multiplies 64 x 32 by mma.sync in TF32 or BF16; with fp32 each thread multiplies 8 x 8 by FMA. TF32 on
// GPUs that have it is left to warp-group MMA (conv2d_wgmma.cu).
#include <stdexcept>

#include "conv2d_tile.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

// A stage in rows of 16 floats of K and 4 of padding, pixels before channels: without bank conflicts for ldmatrix and load4.
template <int kChannels>
struct PaddedStage {
  static constexpr int kN = kChannels, kK = 16, kRow = kK + 4, kThreads = 2 * kN, kStage = (kM + kN) * kRow;

  LDC_DEVICE static int place_a(int row, int group) { return row * kRow + 4 * group; }
  LDC_DEVICE static int place_b(int row, int group) { return (kM + row) * kRow + 4 * group; }
  static constexpr bool kAsynchronous = false;
  LDC_DEVICE static void arrived() {}
  LDC_DEVICE static void settle() {}
};

// Eight by eight results a thread, by FMA: rows ty + 16 i, columns tx + (kN / 8) j.
template <int kN>
class FmaTile : public PaddedStage<kN> {
 public:
  using PaddedStage<kN>::kK, PaddedStage<kN>::kRow;

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
class MmaTile : public PaddedStage<kN> {
 public:
  using PaddedStage<kN>::kRow;

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
          for (int e = 0; e < 4; ++e) a[half][i][e] = tf32_bits(bits_float(a[half][i][e]));
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

template <class Tile, int kBlocks>
LDC_KERNEL void LDC_BOUNDS(Tile::kThreads, kBlocks) conv2d_kernel(ConvShape shape, Global<const float> x, Global<const float> w,
                                                                  Global<const float> bias, int channels, Global<float> y) {
  LDC_DYNAMIC_SHARED(float, stages);
  convolve_block<Tile>(shape, x, w, bias, channels, y, stages);
}

template <int kN, Precision kPrecision>
void start(const ConvCall& call) {
  using Tile = typename TileOf<kN, kPrecision>::Type;
  start<Tile>(call, conv2d_kernel<Tile, kPrecision == Precision::fp32 ? 192 / kN : 256 / kN>);
}

template <int kN>
void start(const ConvCall& call, Precision precision) {
  switch (precision) {
    case Precision::fp32: return start<kN, Precision::fp32>(call);
    case Precision::tf32: return start<kN, Precision::tf32>(call);
    case Precision::bf16: return start<kN, Precision::bf16>(call);
  }
}

// Wide tiles reuse more; narrow ones give layers with fewer than two blocks a multiprocessor more of them. The bits are the same.
void convolve(Stream stream, Precision precision, bool wgmma, const ConvShape& shape, Global<const float> x, Global<const float> w,
              Global<const float> bias, int channels, Global<float> y) {
  const int classes = shape.transposed ? shape.stride : 1;
  const int64_t pixels = shape.batch * ceil_div(shape.out_h, classes) * ceil_div(shape.out_w, classes);
  const ConvCall call = {stream, shape, {ceil_div(pixels, kM), 1, int64_t{classes} * classes}, x, w, bias, channels, y};
  if (wgmma && precision == Precision::tf32) return convolve_by_wgmma(call);
  if (shape.out_c <= 64 || call.blocks(128) < 2 * multiprocessors()) {
    start<64>(call, precision);
  } else {
    start<128>(call, precision);
  }
}

ConvShape shape_of(const Conv2d& conv, const Tensor& from, const Tensor& to, int64_t kernel, bool transposed) {
  const auto narrow = [](int64_t v) {
    if (v > (int64_t{1} << 30)) throw std::invalid_argument("a convolution is too large for this device");
    return static_cast<int>(v);
  };
  if (stored_elements(from) / 4 >= int64_t{1} << 32) narrow(stored_elements(from));  // conv2d_tile.h
  return {narrow(from.n()), narrow(from.h()), narrow(from.w()), narrow(stored_channels(from.c())), narrow(to.h()), narrow(to.w()),
          narrow(stored_channels(to.c())), narrow(kernel), conv.stride, conv.padding, transposed};
}

}  // namespace

void CudaKernels::conv2d_forward(const Conv2d& conv, const Tensor& x, const Tensor& packed, int64_t kernel, const Tensor& bias,
                                 const Tensor& y) {
  convolve(stream_, precision_, wgmma_, shape_of(conv, x, y, kernel, false), input(x), input(packed), input(bias), static_cast<int>(y.c()),
           output(y));
}

void CudaKernels::conv2d_data_grad(const Conv2d& conv, const Tensor& dy, const Tensor& packed, int64_t kernel, const Tensor& dx) {
  convolve(stream_, precision_, wgmma_, shape_of(conv, dy, dx, kernel, true), input(dy), input(packed), {}, static_cast<int>(dx.c()),
           output(dx));
}

}  // namespace ldc::cuda::LDC_TARGET
