// Winograd weight gradient: for each of the 36 or 16 points, the product of transformed inputs and transformed gradients summed
// over tiles, and one transform back at the end.
//
// Tiles are taken in pieces of 60: a piece is one chain of fused multiply-adds, and the pieces are added in order. Longer
// chains would cost accuracy (240 tiles double the error). As many pieces as the cache holds are transformed before they are
// multiplied.
#include "conv2d_tile.h"
#include "conv2d_winograd.h"

namespace ldc::cpu::LDC_ISA::conv2d {

namespace {

constexpr int64_t kMostPieces = 4;                   // of a group
constexpr int64_t kGroupFloats = int64_t{5} << 20;  // its transformed inputs and gradients together
constexpr int64_t kPieceTiles = 60;                  // of a chain of multiply-adds, and of an item of the transforms

template <class F>
struct Run {
  const Tensor &x, &dy;
  TileGrid<F> grid;
  int64_t tiles, group;
  float *inputs, *gradients;  // [point][block][tile of the group][16]
  float* sums;                // [point][group of output vectors][input channel][lane]

  int64_t stride(int64_t channels) const { return matrix_stride(channels * group); }

  template <class T>
  void transform_gradient(const Planes<T>& planes, int64_t block, const TilePlace& place, float* to, int64_t stride) const {
    using Transform = typename F::OutputTransposed;
    const T* plane = planes.at(place.image, block);
    if (place.y + F::output <= dy.h() && place.x + F::output <= dy.w()) {
      const T* from = plane + (place.y * dy.w() + place.x) * planes.step;
      transform_square<Transform>(from, dy.w() * planes.step, planes.step, to, F::input * stride, stride);
      return;
    }
    float inside[F::output * F::output * kBlock];
    copy_halo({place.y, place.x, F::output, F::output, 1}, plane, planes.step, dy.h(), dy.w(), kBlock, inside);
    transform_square<Transform>(inside, F::output * kBlock, kBlock, to, F::input * stride, stride);
  }

  // Transforms one line of channels of tiles [from, to) of the group that begins at `first`; the lines of x are followed by
  // those of dy.
  template <class T>
  void transform(int64_t first, int64_t from, int64_t to, int64_t line) const {
    constexpr int64_t side = Planes<T>::side;
    const Planes<T> of_x(x), of_dy(dy);
    const int64_t x_lines = blocks_of(x);
    for (int64_t t = from; t < to; ++t) {
      const TilePlace place = tile_place(grid, first + t);
      if (line < x_lines) {
        for (int64_t b = line * side; b < least((line + 1) * side, of_x.count); ++b) {
          transform_input<F>(x, of_x, b, place, inputs + (b * group + t) * kBlock, stride(x.c()));
        }
      } else {
        for (int64_t b = (line - x_lines) * side; b < least((line - x_lines + 1) * side, of_dy.count); ++b) {
          transform_gradient(of_dy, b, place, gradients + (b * group + t) * kBlock, stride(dy.c()));
        }
      }
    }
  }

  // Adds a group's product for one point and one group of output vectors.
  void product(int64_t count, int64_t point, int64_t first, bool fresh) const {
    float* sum = sums + point * matrix_stride(x.c() * dy.c()) + first * x.c();
    with_count<kTileVecs>((dy.c() - first) / kBlock, [&](auto vecs) {
      constexpr int64_t width = vecs.value * kBlock;
      for (int64_t block = 0; block < x.c() / kBlock; ++block, sum += kBlock * width) {
        for (int64_t piece = 0; piece < count; piece += kPieceTiles) {
          const Pixels pixels{1, least(kPieceTiles, count - piece), 0, kBlock, 0, kBlock, group * kBlock};
          const float* a = inputs + point * stride(x.c()) + (block * group + piece) * kBlock;
          const float* b = gradients + point * stride(dy.c()) + first * group + piece * kBlock;
          const bool new_sum = fresh && piece == 0;
          outer_tile<6, vecs.value>(pixels, a, b, {sum, width, new_sum});
          outer_tile<5, vecs.value>(pixels, a + 6, b, {sum + 6 * width, width, new_sum});
          outer_tile<5, vecs.value>(pixels, a + 11, b, {sum + 11 * width, width, new_sum});
        }
      }
    });
  }
};

template <class F>
void weight_grad(Pool& pool, Scratch& scratch, const Tensor& x, const Tensor& dy, const EffectiveWeight& weight,
                 const Tensor& dw, const Tensor& dm, const Tensor& dtheta) {
  const int64_t in = x.c(), out = dy.c(), matrix = matrix_stride(in * out), total = F::points * matrix;
  Run<F> run{x, dy, TileGrid<F>(dy), 0, 0, nullptr, nullptr, nullptr};
  run.tiles = run.grid.count(dy.n());
  const int64_t pieces = least(kGroupFloats / (F::points * (in + out) * kPieceTiles), kMostPieces);
  run.group = least(run.tiles, (pieces < 1 ? 1 : pieces) * kPieceTiles);
  const int64_t floats = F::points * (run.stride(in) + run.stride(out)) + total;
  run.inputs = static_cast<float*>(scratch.get(floats * sizeof(float) + out * sizeof(double)));
  run.gradients = run.inputs + F::points * run.stride(in);
  run.sums = run.gradients + F::points * run.stride(out);
  double* theta_parts = reinterpret_cast<double*>(run.sums + total);

  constexpr int64_t kLanes = kTileVecs * kBlock;
  const int64_t groups = ceil_div(out, kLanes);
  for (int64_t first = 0; first < run.tiles; first += run.group) {
    const int64_t count = least(run.group, run.tiles - first), parts = ceil_div(count, kPieceTiles);
    with_type(x, [&]<class T>(T*) {
      pool.each((blocks_of(x) + blocks_of(dy)) * parts, [&](int64_t item, int) {
        const int64_t from = item % parts * kPieceTiles;
        run.template transform<T>(first, from, least(count, from + kPieceTiles), item / parts);
      });
    });
    pool.each(F::points * groups, [&](int64_t item, int) {
      run.product(count, item / groups, item % groups * kLanes, first == 0);
    });
  }

  pool.each(out / kBlock, [&](int64_t item, int) {
    const int64_t lane0 = item * kBlock, first = lane0 / kLanes * kLanes, width = least(kLanes, out - first);
    double theta_part[kBlock] = {};
    for (int64_t i = 0; i < in; i += kBlock) {
      float g[kBlock][9][kBlock];  // [input][tap][output]
      for (int64_t c = 0; c < kBlock; ++c) {
        const float* sum = run.sums + first * in + (i + c) * width + lane0 - first;
        transform_square<typename F::FilterTransposed>(sum, F::input * matrix, matrix, g[c][0], 3 * kBlock, kBlock);
      }
      for (int64_t lane = 0; lane < kBlock; ++lane) {  // in the order of memory
        for (int64_t c = 0; c < kBlock; ++c) {
          float one[9];
          for (int t = 0; t < 9; ++t) one[t] = g[c][t][lane];
          theta_part[lane] += weight.gradient((lane0 + lane) * in + i + c, one, dw, dm);
        }
      }
    }
    for (int64_t lane = 0; lane < kBlock; ++lane) theta_parts[lane0 + lane] = theta_part[lane];
  });
  if (dtheta) write_theta(theta_parts, out, dtheta);
}

}  // namespace

void winograd_weight_grad(Pool& pool, Scratch& scratch, Method method, const Tensor& x, const Tensor& dy,
                          const EffectiveWeight& weight, const Tensor& dw, const Tensor& dm, const Tensor& dtheta) {
  with_transforms(method, [&](auto f) { weight_grad<decltype(f)>(pool, scratch, x, dy, weight, dw, dm, dtheta); });
}

}  // namespace ldc::cpu::LDC_ISA::conv2d
