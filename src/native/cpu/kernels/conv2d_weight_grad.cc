// Direct weight gradient: outer products of source and gradient channels, summed over pixels.
//
// Pixels are cut into partitions, and those into chunks of a few rows of one image, as the shape alone says: a chunk is one
// chain of fused multiply-adds, the chunks of a partition are added in order, then the partitions. An item is one
// partition x up to 64 output channels x one block of input channels.
#include "conv2d_direct.h"
#include "conv2d_halo.h"
#include "conv2d_tile.h"

namespace ldc::cpu::LDC_ISA::conv2d {

namespace {

constexpr int64_t kChunkPixels = 256;
constexpr int64_t kItemLanes = 4 * kBlock;
constexpr int64_t kPartitionPixels = 8192;
constexpr int64_t kPartitionFloats = int64_t{8} << 20;  // all partitions together

struct Run {
  const Axis& axis;
  const Tensor &x, &dy;
  // Up to four output channels are the scalars of the outer product, input channels the vectors; else the other way round.
  bool few_outputs;
  int64_t x_block, x_blocks, dy_block;
  int64_t run;      // floats of a halo row that one pixel reads: kernel x x_block
  int64_t lanes;    // output channels as vectors
  int64_t rows;     // output rows of a chunk
  int64_t halo_cols;
  float* sums;      // [partition][group][x block][kernel row][scalars][lanes of the group]

  Run(const Axis& axis_, const Tensor& x_, const Tensor& dy_)
      : axis(axis_), x(x_), dy(dy_), few_outputs(block_of(dy_.c()) != kBlock && block_of(x_.c()) == kBlock) {
    x_block = block_of(x.c());
    x_blocks = blocks_of(x.c());
    dy_block = block_of(dy.c());
    run = axis.kernel * x_block;
    lanes = few_outputs ? dy_block : lanes_of(dy.c());
    rows = least(most(1, kChunkPixels / dy.w()), dy.h());
    halo_cols = (dy.w() - 1) * axis.in_step + axis.reach;
    sums = nullptr;
  }

  int64_t elements() const { return lanes * x_blocks * axis.kernel * run; }  // of one partition
  int64_t group() const { return few_outputs ? lanes : least(lanes, kTileVecs * kBlock); }  // of one outer product
  int64_t item_lanes() const { return few_outputs ? lanes : least(lanes, kItemLanes); }
  int64_t chunks_of_image() const { return ceil_div(dy.h(), rows); }
  int64_t halo_floats() const { return lanes_of(((rows - 1) * axis.in_step + axis.reach) * halo_cols * x_block); }
  // Working memory for a chunk of dy: what the outer product cannot read where it lies.
  int64_t dy_floats() const {
    if (dy.dtype == DType::f32 && (dy_block == kBlock || few_outputs)) return 0;
    return rows * dy.w() * (few_outputs ? kBlock : group());
  }

  int64_t partitions() const {
    const int64_t chunks = dy.n() * chunks_of_image(), wanted = dy.n() * dy.h() * dy.w() / kPartitionPixels;
    return most(1, least(least(wanted, chunks), kPartitionFloats / elements()));
  }

  // Where the gradient of one weight lies in a partition.
  int64_t index(int64_t out, int64_t in, int64_t ky, int64_t kx) const {
    const int64_t row = in / x_block * axis.kernel + ky, column = kx * x_block + in % x_block;
    if (few_outputs) return (row * dy_block + out) * run + column;
    const int64_t first = out / group() * group(), width = least(group(), lanes - first);
    return first * x_blocks * axis.kernel * run + (row * run + column) * width + out - first;
  }

  // One kernel row, general: runs of up to 6 source floats x vectors of output channels.
  void outputs_as_vectors(Pixels pixels, const float* halo, const float* gradient, int64_t vecs, float* sum,
                          bool fresh) const {
    pixels.a_row = axis.in_step * halo_cols * x_block;
    pixels.a_col = axis.in_step * x_block;
    with_count<kTileVecs>(vecs, [&](auto v) {
      for (int64_t i = 0, left = ceil_div(run, kTileRows); i < run; --left) {
        const int64_t count = ceil_div(run - i, left);
        with_count<kTileRows>(count, [&](auto n) {
          outer_tile<n.value, v.value>(pixels, halo + i, gradient, {sum, v.value * kBlock, fresh});
        });
        sum += count * vecs * kBlock;
        i += count;
      }
    });
  }

  // One kernel row with up to four output channels as scalars; a vector is the source channels of one tap.
  void outputs_as_scalars(Pixels pixels, const float* halo, const float* gradient, float* sum, bool fresh) const {
    pixels.a_row = dy.w() * dy_block;
    pixels.a_col = dy_block;
    pixels.b_row = axis.in_step * halo_cols * kBlock;
    pixels.b_col = axis.in_step * kBlock;
    pixels.b_vec = kBlock;
    with_count<4>(dy_block, [&](auto n) {
      for (int64_t tap = 0; tap < axis.kernel; tap += kTileVecs) {
        with_count<kTileVecs>(axis.kernel - tap, [&](auto v) {
          outer_tile<n.value, v.value>(pixels, gradient, halo + tap * kBlock, {sum + tap * kBlock, run, fresh});
        });
      }
    });
  }

  // Adds one chunk to the sums of the output channels from `first` and one block of x; fresh: the first of a partition.
  template <class T>
  void chunk(int64_t number, int64_t first, int64_t block, float* halo, float* partition_sums, bool fresh) const {
    const int64_t image = number / chunks_of_image(), row = number % chunks_of_image() * rows;
    const int64_t count = least(rows, dy.h() - row);
    const int64_t top = row * axis.in_step * axis.sample + axis.low, halo_rows = (count - 1) * axis.in_step + axis.reach;
    const Halo shape{top, axis.low, halo_rows, halo_cols, axis.sample};
    const Planes<T> of_x(x), of_dy(dy);
    copy_halo(shape, of_x.at(image, block), of_x.step, x.h(), x.w(), x_block, halo);
    const int64_t plane = dy_floats() > 0 ? count * dy.w() * kBlock : dy.h() * dy.w() * dy_block;
    const Pixels pixels{count, dy.w(), 0, 0, dy.w() * kBlock, kBlock, plane};
    for (int64_t k = first; k < least(lanes, first + item_lanes()); k += group()) {
      const int64_t width = least(group(), lanes - k);
      const float* gradient = halo + halo_floats();
      if (dy_floats() > 0) {
        copy_gradient(of_dy, image, k, width, row * dy.w(), count * dy.w(), halo + halo_floats());
      } else {
        gradient = dy.f32() + of_dy.of_image * image + k / kBlock * plane + row * dy.w() * dy_block;
      }
      float* sum = partition_sums + (k * x_blocks + block * width) * axis.kernel * run;
      for (int64_t ky = 0; ky < axis.kernel; ++ky, sum += run * width) {
        const float* line = halo + ky * halo_cols * x_block;
        if (few_outputs) {
          outputs_as_scalars(pixels, line, gradient, sum, fresh);
        } else {
          outputs_as_vectors(pixels, line, gradient, width / kBlock, sum, fresh);
        }
      }
    }
  }

  // to: [vector of outputs][pixel][16], `count` pixels from `pixel` of `width` outputs from `first`; of few outputs that are scalars
  // [pixel][output].
  template <class T>
  void copy_gradient(const Planes<T>& planes, int64_t image, int64_t first, int64_t width, int64_t pixel, int64_t count, float* to) const {
    const auto source = [&](int64_t k) { return planes.at(image, k / kBlock) + pixel * planes.step; };
    if (few_outputs) return copy_pixels(source(0), count, planes.step, dy_block, to);
    for (int64_t k = first; k < first + width; k += kBlock) {
      for (int64_t p = 0; p < count; ++p, to += kBlock) load_part(source(k) + p * planes.step, dy_block).store(to);
    }
  }

  void item(int64_t partition, int64_t first, int64_t block, float* halo) const {
    const int64_t chunks = dy.n() * chunks_of_image(), parts = partitions(), start = chunks * partition / parts;
    for (int64_t c = start; c < chunks * (partition + 1) / parts; ++c) {
      with_type(x, [&]<class T>(T*) { chunk<T>(c, first, block, halo, sums + partition * elements(), c == start); });
    }
  }

  // g[tap][output] of 16 outputs (or all, where they are few) and one input: the partitions added in order.
  void gather(int64_t output, int64_t outputs, int64_t in, float* g) const {
    const int64_t step = few_outputs ? run : 1;
    for (int64_t ky = 0; ky < axis.kernel; ++ky) {
      for (int64_t kx = 0; kx < axis.kernel; ++kx, g += kBlock) {
        const float* from = sums + index(output, in, ky, kx);
        for (int64_t lane = 0; lane < outputs; ++lane) g[lane] = from[lane * step];
        for (int64_t p = 1; p < partitions(); ++p) {
          for (int64_t lane = 0; lane < outputs; ++lane) g[lane] += from[p * elements() + lane * step];
        }
      }
    }
  }
};

}  // namespace

void direct_weight_grad(Pool& pool, Scratch& scratch, const Conv2d& conv, const Tensor& x, const Tensor& dy,
                        const EffectiveWeight& weight, const Tensor& dw, const Tensor& dm, const Tensor& dtheta) {
  const Axis axis(conv, dw.shape[2], ConvPass::forward);
  Run run(axis, x, dy);
  const int64_t elements = run.elements(), partitions = run.partitions(), own = run.halo_floats() + run.dy_floats();
  const int64_t outputs = dw.shape[0], inputs = dw.shape[1], taps = weight.taps;
  const int64_t all = lanes_of(partitions * elements), pair_floats = lanes_of(taps * (kBlock + 1));
  const int64_t floats = all + pool.threads() * (own + pair_floats);
  run.sums = static_cast<float*>(scratch.get(floats * sizeof(float) + outputs * sizeof(double)));
  float* halos = run.sums + all;
  float* pairs = halos + pool.threads() * own;
  double* theta_parts = reinterpret_cast<double*>(run.sums + floats);

  const int64_t groups = ceil_div(run.lanes, run.item_lanes());
  pool.each(partitions * groups * run.x_blocks, [&](int64_t item, int thread) {
    const int64_t block = item % run.x_blocks, rest = item / run.x_blocks;
    run.item(rest / groups, rest % groups * run.item_lanes(), block, halos + thread * own);
  });

  pool.each(ceil_div(outputs, kBlock), [&](int64_t item, int thread) {
    const int64_t first = item * kBlock, count = least(kBlock, outputs - first);
    float* g = pairs + thread * pair_floats;
    float* one = g + taps * kBlock;
    double theta_part[kBlock] = {};
    for (int64_t i = 0; i < inputs; ++i) {
      run.gather(first, count, i, g);
      for (int64_t lane = 0; lane < count; ++lane) {
        for (int64_t t = 0; t < taps; ++t) one[t] = g[t * kBlock + lane];
        theta_part[lane] += weight.gradient((first + lane) * inputs + i, one, dw, dm);
      }
    }
    for (int64_t lane = 0; lane < count; ++lane) theta_parts[first + lane] = theta_part[lane];
  });
  if (dtheta) write_theta(theta_parts, outputs, dtheta);
}

}  // namespace ldc::cpu::LDC_ISA::conv2d
