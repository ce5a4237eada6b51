// Optimisers, many parameters a launch: the pointers of up to kMost tensors travel as a kernel argument, their elements are cut
// into chunks, one block a chunk. State is updated in place; scalars are computed in double, elements in float32.
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

// On the GPU a View is below the 4 KiB that kernel arguments may have.
template <int Lists>
constexpr int kMost = Lists == 1 ? 128 : 64;
constexpr int64_t kChunk = 16 * kThreads;

// What one element of each list becomes; lists that do not change are given back as they were.
template <int Lists>
struct Element {
  float of[Lists];
};

// The tensors of a launch.
template <int Lists>
struct View {
  int count;
  int64_t first_chunk[kMost<Lists> + 1];
  int64_t elements[kMost<Lists>];
  Global<float> data[kMost<Lists>][Lists];
};

// Elements [begin, stop) of tensor k: those of the block.
struct Chunk {
  int k;
  int64_t begin, stop;
};
template <int Lists>
LDC_DEVICE Chunk chunk_of(const View<Lists>& view) {
  int k = 0, end = view.count;  // first_chunk[k] <= blockIdx.x < first_chunk[end]
  while (end - k > 1) {
    const int middle = (k + end) / 2;
    (view.first_chunk[middle] <= static_cast<int64_t>(blockIdx.x) ? k : end) = middle;
  }
  const int64_t begin = (static_cast<int64_t>(blockIdx.x) - view.first_chunk[k]) * kChunk, past = begin + kChunk;
  return {k, begin, past < view.elements[k] ? past : view.elements[k]};
}

// Nothing changes where `finite` is 0; it may be null.
template <int Lists, class Update>
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) update_kernel(View<Lists> view, Global<const float> finite, Update update) {
  if (!(finite == nullptr) && finite[0] == 0) return;
  const Chunk chunk = chunk_of(view);
  for (int64_t i = chunk.begin + threadIdx.x; i < chunk.stop; i += kThreads) {
    Element<Lists> element;
    for (int l = 0; l < Lists; ++l) element.of[l] = view.data[chunk.k][l][i];
    update(element);
    for (int l = 0; l < Lists; ++l) {
      if (l != 1) view.data[chunk.k][l][i] = element.of[l];  // list 1 is the gradient
    }
  }
}

// `finite` is 1 before; whoever finds something else writes the same 0.
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) all_finite_kernel(View<1> view, Global<float> finite) {
  const Chunk chunk = chunk_of(view);
  for (int64_t i = chunk.begin + threadIdx.x; i < chunk.stop; i += kThreads) {
    constexpr uint32_t kExponent = 0x7f800000;
    if ((float_bits(view.data[chunk.k][0][i]) & kExponent) == kExponent) finite[0] = 0;
  }
}

// start(view, blocks) for as many tensors of the lists as a launch takes.
template <int Lists, class Start>
void each_view(const TensorList (&lists)[Lists], Start start) {
  for (int64_t begin = 0; begin < lists[0].count; begin += kMost<Lists>) {
    View<Lists> view = {};
    view.count = static_cast<int>(lists[0].count - begin < kMost<Lists> ? lists[0].count - begin : kMost<Lists>);
    for (int k = 0; k < view.count; ++k) {
      view.elements[k] = lists[0][begin + k].elements();
      view.first_chunk[k + 1] = view.first_chunk[k] + ceil_div(view.elements[k], kChunk);
      for (int l = 0; l < Lists; ++l) view.data[k][l] = output(lists[l][begin + k]);
    }
    start(view, view.first_chunk[view.count]);
  }
}

template <int Lists, class Update>
void each_parameter(Stream stream, const TensorList (&lists)[Lists], const Tensor& finite, Update update) {
  each_view(lists, [&](const View<Lists>& view, int64_t blocks) {
    launch(stream, update_kernel<Lists, Update>, {blocks}, kThreads, 0, view, input(finite), update);
  });
}

}  // namespace

void CudaKernels::all_finite(const TensorList& x, const Tensor& finite) {
  fill(finite, 1);
  const TensorList lists[] = {x};
  each_view(lists, [&](const View<1>& view, int64_t blocks) {
    launch(stream_, all_finite_kernel, {blocks}, kThreads, 0, view, output(finite));
  });
}

void CudaKernels::adam(const TensorList& p, const TensorList& g, const TensorList& m, const TensorList& v, double lr, double beta1,
                       double beta2, double eps, double weight_decay, double step, const Tensor& finite) {
  const float keep1 = static_cast<float>(beta1), take1 = static_cast<float>(1 - beta1);
  const float keep2 = static_cast<float>(beta2), take2 = static_cast<float>(1 - beta2);
  const float rate = static_cast<float>(lr / (1 - std::pow(beta1, step)));
  const float correction = static_cast<float>(1 / std::sqrt(1 - std::pow(beta2, step)));
  const float epsilon = static_cast<float>(eps), decay = static_cast<float>(weight_decay);
  const TensorList lists[] = {p, g, m, v};
  each_parameter(stream_, lists, finite, [=] LDC_LAMBDA(Element<4> & e) {
    const float slope = fmaf(decay, e.of[0], e.of[1]);
    e.of[2] = fmaf(keep1, e.of[2], take1 * slope);
    e.of[3] = fmaf(keep2, e.of[3], take2 * (slope * slope));
    e.of[0] = e.of[0] - rate * e.of[2] / fmaf(sqrtf(e.of[3]), correction, epsilon);
  });
}

void CudaKernels::sgd(const TensorList& p, const TensorList& g, const TensorList& buffer, double lr, double momentum,
                      double weight_decay, bool first, const Tensor& finite) {
  const float rate = static_cast<float>(-lr), keep = static_cast<float>(momentum), decay = static_cast<float>(weight_decay);
  const TensorList lists[] = {p, g, buffer};
  each_parameter(stream_, lists, finite, [=] LDC_LAMBDA(Element<3> & e) {
    const float slope = fmaf(decay, e.of[0], e.of[1]);
    e.of[2] = first ? slope : fmaf(keep, e.of[2], slope);
    e.of[0] = fmaf(rate, e.of[2], e.of[0]);
  });
}

}  // namespace ldc::cuda::LDC_TARGET
