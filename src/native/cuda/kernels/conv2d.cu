// Convolution, forward and data gradient: implicit matrix multiplication (conv2d_gather.h) by blocks of 128 pixels x kN channels
// (conv2d_tile.h). A warp multiplies 64 x 32 by mma.sync in TF32 or BF16; with fp32 each thread multiplies 8 x 8 by FMA. GPUs
// that have warp-group MMA use that in place of mma.sync (conv2d_wgmma.cu). BF16 is what is stored, and goes to the tensor cores as it lies.
#include <stdexcept>
#include <string>
#include <type_traits>

#include "conv2d_tile.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

// A stage in rows of 16 words of K and 4 of padding, pixels before channels: without bank conflicts for ldmatrix and load4.
template <int kChannels, class T>
struct PaddedStage {
  using Stored = T;
  static constexpr int kN = kChannels, kK = 16, kRow = kK + 4, kThreads = 2 * kN, kStage = (kM + kN) * kRow;

  LDC_DEVICE static int place_a(int row, int group) { return row * kRow + 4 * group; }
  LDC_DEVICE static int place_b(int row, int group) { return (kM + row) * kRow + 4 * group; }
  static constexpr bool kAsynchronous = false;
  LDC_DEVICE static void arrived() {}
  LDC_DEVICE static void settle() {}
};

// Eight by eight results a thread, by FMA: rows ty + 16 i, columns tx + (kN / 8) j.
template <int kN>
class FmaTile : public PaddedStage<kN, float> {
 public:
  using PaddedStage<kN, float>::kK, PaddedStage<kN, float>::kRow;

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

  LDC_DEVICE void write(const Writer<float>& to) const {
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

// 64 x 32 results a warp, by tensor core: two warps down, kN / 32 across; fragments of 16 x 8. Eight words of K are a fragment's depth: 8
// in TF32, 16 in BF16, where they lie in the same places.
template <int kN, class T>
class MmaTile : public PaddedStage<kN, T> {
 public:
  using PaddedStage<kN, T>::kRow;

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
    uint32_t a[2][4][4], b[2][4][2];  // two fragments in K
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        // Matrices: rows 0-7 and 8-15 of words 0-3, then of words 4-7.
        load_matrix(a[half][i], stage + ((row_ + 16 * i + lane_ % 16) * kRow + 8 * half + lane_ / 16 * 4));
      }
#pragma unroll
      for (int j = 0; j < 4; j += 2) {
        // Matrices: columns 0-7 of words 0-3 and 4-7, then columns 8-15.
        uint32_t r[4];
        load_matrix(r, stage + ((kM + column_ + 8 * j + lane_ / 16 * 8 + lane_ % 8) * kRow + 8 * half + lane_ / 8 % 2 * 4));
        b[half][j][0] = r[0];
        b[half][j][1] = r[1];
        b[half][j + 1][0] = r[2];
        b[half][j + 1][1] = r[3];
      }
    }
#pragma unroll
    for (int half = 0; half < 2; ++half) {
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        if constexpr (std::is_same_v<T, Bf16>) {
#pragma unroll
          for (int j = 0; j < 4; ++j) mma_bf16(sum_[i][j], a[half][i], b[half][j]);
        } else {
#pragma unroll
          for (int e = 0; e < 4; ++e) a[half][i][e] = tf32_bits(bits_float(a[half][i][e]));
#pragma unroll
          for (int j = 0; j < 4; ++j) mma_tf32(sum_[i][j], a[half][i], b[half][j]);
        }
      }
    }
  }

  LDC_DEVICE void write(const Writer<T>& to) const {
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

template <class Tile, int kBlocks>
LDC_KERNEL void LDC_BOUNDS(Tile::kThreads, kBlocks) conv2d_kernel(ConvShape shape, Global<const typename Tile::Stored> x,
                                                                  Global<const typename Tile::Stored> w, Global<const float> bias,
                                                                  int channels, Global<typename Tile::Stored> y) {
  LDC_DYNAMIC_SHARED(float, stages);
  convolve_block<Tile>(shape, x, w, bias, channels, y, stages);
}

template <int kN>
void start(const ConvCall<float>& call, Precision precision) {
  if (precision == Precision::tf32) return start<MmaTile<kN, float>>(call, conv2d_kernel<MmaTile<kN, float>, 256 / kN>);
  start<FmaTile<kN>>(call, conv2d_kernel<FmaTile<kN>, 192 / kN>);
}

template <int kN>
void start(const ConvCall<Bf16>& call, Precision) {
  start<MmaTile<kN, Bf16>>(call, conv2d_kernel<MmaTile<kN, Bf16>, 256 / kN>);
}

// Wide tiles reuse more; narrow ones give layers with fewer than two blocks a multiprocessor more of them. The bits are the same.
template <class T>
void convolve(const ConvCall<T>& call, Precision precision) {
  if (call.shape.out_c <= 64 || call.blocks(128) < 2 * multiprocessors()) {
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
  const int64_t groups = stored_elements(from) * static_cast<int64_t>(bytes_of(from.dtype)) / 16;
  if (groups >= int64_t{1} << 32) narrow(groups);  // conv2d_tile.h
  return {narrow(from.n()), narrow(from.h()), narrow(from.w()), narrow(stored_channels(from)), narrow(to.h()), narrow(to.w()),
          narrow(stored_channels(to)), narrow(kernel), conv.stride, conv.padding, transposed};
}

template <class T>
ConvCall<T> call_of(Stream stream, const ConvShape& shape, const Tensor& from, const Tensor& packed, const Tensor& bias, const Tensor& to) {
  const int classes = shape.transposed ? shape.stride : 1;
  const int64_t pixels = shape.batch * ceil_div(shape.out_h, classes) * ceil_div(shape.out_w, classes);
  const Grid grid = {ceil_div(pixels, kM), 1, int64_t{classes} * classes};
  const auto elements = [](const Tensor& t) { return global(t.as<T>()); };
  return {stream, shape, grid, elements(from), elements(packed), input(bias), static_cast<int>(to.c()), elements(to)};
}

}  // namespace

bool CudaKernels::in_bf16(const Tensor& features) const {
  if (features.dtype != DType::bf16) return false;
  if (precision_ != Precision::bf16) throw std::invalid_argument(std::string("features in bf16 on a device that computes in ") + name_of(precision_));
  return true;
}

void CudaKernels::convolve(const Conv2d& conv, const Tensor& from, const Tensor& packed, int64_t kernel, const Tensor& bias, const Tensor& to,
                           bool transposed) {
  const ConvShape shape = shape_of(conv, from, to, kernel, transposed);
  if (in_bf16(from)) {
    const ConvCall<Bf16> call = call_of<Bf16>(stream_, shape, from, packed, bias, to);
    return wgmma_ ? convolve_by_wgmma(call) : LDC_TARGET::convolve(call, precision_);
  }
  const ConvCall<float> call = call_of<float>(stream_, shape, from, packed, bias, to);
  if (wgmma_ && precision_ == Precision::tf32) return convolve_by_wgmma(call);
  LDC_TARGET::convolve(call, precision_);
}

void CudaKernels::conv2d_forward(const Conv2d& conv, const Tensor& x, const Tensor& packed, int64_t kernel, const Tensor& bias,
                                 const Tensor& y) {
  convolve(conv, x, packed, kernel, bias, y, false);
}

void CudaKernels::conv2d_data_grad(const Conv2d& conv, const Tensor& dy, const Tensor& packed, int64_t kernel, const Tensor& dx) {
  convolve(conv, dy, packed, kernel, {}, dx, true);
}

}  // namespace ldc::cuda::LDC_TARGET
