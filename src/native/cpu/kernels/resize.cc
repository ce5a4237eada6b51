// Bilinear resizing: what PyTorch computes for align_corners = false. Taps are worked out once a line, not once a pixel.
#include "../cpu_kernels.h"
#include "loops.h"
#include "taps.h"

namespace ldc::cpu::LDC_ISA {

void CpuKernels::resize_bilinear(const Tensor& x, const Tensor& y) {
  const int64_t height = x.h(), width = x.w(), rows = y.h(), columns = y.w(), block = block_of(x);
  Tap* row_taps = static_cast<Tap*>(scratch_.get(static_cast<size_t>(rows + columns) * sizeof(Tap)));
  Tap* column_taps = row_taps + rows;
  fill_taps(row_taps, 0, height, rows);
  fill_taps(column_taps, 0, width, columns);
  with_type(y, [&]<class T>(T* out) {
    using L = Line<T>;
    const T* in = x.as<T>();
    with_lanes(block, out, stored_elements(y), [&](auto lanes) {
      // One item is one output row of one plane: a batch of single-channel maps has few planes.
      each_item(pool_, x.n() * blocks_of(x) * rows, columns * block, [&](int64_t item) {
        const Tap down = row_taps[item % rows];
        const T* plane = in + item / rows * height * width * block;
        const T *upper = plane + down.near * width * block, *lower = plane + down.far * width * block;
        T* target = out + item * columns * block;
        const L v = L::all(down.weight);
        for (int64_t column = 0; column < columns; ++column, target += lanes.size()) {
          const Tap across = column_taps[column];
          const int64_t near = across.near * lanes.size(), far = across.far * lanes.size();
          const L u = L::all(across.weight);
          const L a = lanes.load(upper + near), b = lanes.load(lower + near);
          const L top = fma(u, lanes.load(upper + far) - a, a), bottom = fma(u, lanes.load(lower + far) - b, b);
          lanes.store(fma(v, bottom - top, top), target);
        }
        lanes.finish();
      });
    });
  });
}

}  // namespace ldc::cpu::LDC_ISA
