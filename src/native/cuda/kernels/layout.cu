// Between dense arrays and the features layout, and channel ranges within it. Only data moves; the one computation is the
// affine map from pixels to network input.
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

constexpr int kTile = 32;

// out [columns, out_step] = transpose of in [rows, columns], one matrix a blockIdx.z, through a tile of shared memory so that
// both sides are read and written along memory. Rows from `rows` to `out_step` of the input count as zero.
template <class From, class To>
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) transpose_kernel(Features in, int64_t in_matrix, int64_t in_step, int64_t rows, int64_t columns,
                                                         Features out, int64_t out_matrix, int64_t out_step, int64_t out_width) {
  LDC_SHARED(float, tile, kTile * (kTile + 1));
  const int lane = threadIdx.x % kTile, part = threadIdx.x / kTile;
  const int64_t first_row = static_cast<int64_t>(blockIdx.y) * kTile, first_column = static_cast<int64_t>(blockIdx.x) * kTile;
  for (int r = part; r < kTile; r += kThreads / kTile) {
    const int64_t row = first_row + r, column = first_column + lane;
    const bool there = row < rows && column < columns;
    tile[r * (kTile + 1) + lane] = there ? From().load(in, blockIdx.z * in_matrix + row * in_step + column) : 0.0f;
  }
  sync_block();
  for (int c = part; c < kTile; c += kThreads / kTile) {
    const int64_t row = first_row + lane, column = first_column + c;
    const float value = tile[lane * (kTile + 1) + c];
    if (row < out_width && column < columns) To().store(out, blockIdx.z * out_matrix + column * out_step + row, value);
  }
}

}  // namespace

void CudaKernels::to_features(const Tensor& x, const Tensor& y) {
  const int64_t channels = y.c(), stored = stored_channels(y), pixels = y.h() * y.w();
  const auto kernel = y.dtype == DType::bf16 ? transpose_kernel<Lanes<float>, Lanes<Bf16>> : transpose_kernel<Lanes<float>, Lanes<float>>;
  launch(stream_, kernel, {ceil_div(pixels, kTile), ceil_div(stored, kTile), y.n()}, kThreads, 0, features(x), channels * pixels, pixels,
         channels, pixels, features(y), stored * pixels, stored, stored);
}

void CudaKernels::to_dense(const Tensor& x, const Tensor& y) {
  const int64_t channels = x.c(), stored = stored_channels(x), pixels = x.h() * x.w();
  const auto kernel = x.dtype == DType::bf16 ? transpose_kernel<Lanes<Bf16>, Lanes<float>> : transpose_kernel<Lanes<float>, Lanes<float>>;
  launch(stream_, kernel, {ceil_div(channels, kTile), ceil_div(pixels, kTile), x.n()}, kThreads, 0, features(x), stored * pixels, stored,
         pixels, channels, features(y), channels * pixels, pixels, pixels);
}

// Images and maps have more padding in bf16.
void CudaKernels::convert(const Tensor& x, const Tensor& y) {
  const Features in = features(x), out = features(y);
  const int64_t x_step = stored_channels(x), y_step = stored_channels(y);
  const bool narrows = y.dtype == DType::bf16;
  each(stream_, stored_elements(y) / 4, [=] LDC_LAMBDA(int64_t vector) {
    const int64_t i = 4 * vector, c = i % y_step, from = i / y_step * x_step + c;
    const bool there = c < x_step;
    if (narrows) {
      Lanes<Bf16>().store4(out, i, there ? Lanes<float>().load4(in, from) : Float4{0, 0, 0, 0});
    } else {
      Lanes<float>().store4(out, i, Lanes<Bf16>().load4(in, from));
    }
  });
}

void CudaKernels::images_to_features(const Tensor& x, const float scale[3], const float shift[3], const Tensor& y) {
  const Global<const uint8_t> in = global<const uint8_t>(x.u8());
  const Features out = features(y);
  const int64_t stored = stored_channels(y);
  const float scale0 = scale[0], scale1 = scale[1], scale2 = scale[2], shift0 = shift[0], shift1 = shift[1], shift2 = shift[2];
  each(stream_, y.dtype, y.n() * y.h() * y.w(), [=] LDC_LAMBDA(auto lanes, int64_t p) {
    const Float4 rgb = {fmaf(in[3 * p], scale0, shift0), fmaf(in[3 * p + 1], scale1, shift1), fmaf(in[3 * p + 2], scale2, shift2), 0};
    lanes.store4(out, stored * p, rgb);
    if (stored > 4) lanes.store4(out, stored * p + 4, {0, 0, 0, 0});
  });
}

// Where the range ends with the last channel of y, the padding behind it is cleared too.
void CudaKernels::copy_channels(const Tensor& x, int64_t from, const Tensor& y, int64_t to, int64_t count) {
  const Features in = features(x), out = features(y);
  const int64_t x_step = stored_channels(x), y_step = stored_channels(y);
  const int64_t width = to + count == y.c() ? y_step - to : count;
  each(stream_, y.dtype, y.n() * y.h() * y.w() * width, [=] LDC_LAMBDA(auto lanes, int64_t i) {
    const int64_t pixel = i / width, c = i % width;
    lanes.store(out, pixel * y_step + to + c, c < count ? lanes.load(in, pixel * x_step + from + c) : 0.0f);
  });
}

}  // namespace ldc::cuda::LDC_TARGET
