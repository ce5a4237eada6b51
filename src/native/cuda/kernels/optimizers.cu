// Optimisers, many parameters a launch: the pointers of up to kMost tensors travel as a kernel argument, their elements are cut
// into chunks, one block a chunk. State is updated in place; scalars are computed in double, elements in float32.
#include "../cuda_kernels.h"
#include "../launch.h"

namespace ldc::cuda::LDC_TARGET {

namespace {

constexpr int kMost = 64;
constexpr int64_t kChunk = 16 * kThreads;

// What one element of each list becomes; lists that do not change are given back as they were.
template <int Lists>
struct Element {
  float of[Lists];
};

// The tensors of a launch. On the GPU it is below the 4 KiB that kernel arguments may have.
template <int Lists>
struct View {
  int count;
  int64_t first_chunk[kMost + 1];
  int64_t elements[kMost];
  Global<float> data[kMost][Lists];
};

template <int Lists, class Update>
LDC_KERNEL void LDC_BOUNDS(kThreads, 1) update_kernel(View<Lists> view, Update update) {
  int k = 0, end = view.count;  // first_chunk[k] <= blockIdx.x < first_chunk[end]
  while (end - k > 1) {
    const int middle = (k + end) / 2;
    (view.first_chunk[middle] <= static_cast<int64_t>(blockIdx.x) ? k : end) = middle;
  }
  const int64_t begin = (static_cast<int64_t>(blockIdx.x) - view.first_chunk[k]) * kChunk;
  const int64_t past = begin + kChunk, stop = past < view.elements[k] ? past : view.elements[k];
  for (int64_t i = begin + threadIdx.x; i < stop; i += kThreads) {
    Element<Lists> element;
    for (int l = 0; l < Lists; ++l) element.of[l] = view.data[k][l][i];
    update(element);
    for (int l = 0; l < Lists; ++l) {
      if (l != 1) view.data[k][l][i] = element.of[l];  // list 1 is the gradient
    }
  }
}

template <int Lists, class Update>
void each_parameter(Stream stream, const TensorList (&lists)[Lists], Update update) {
  for (int64_t begin = 0; begin < lists[0].count; begin += kMost) {
    View<Lists> view = {};
    view.count = static_cast<int>(lists[0].count - begin < kMost ? lists[0].count - begin : kMost);
    for (int k = 0; k < view.count; ++k) {
      view.elements[k] = lists[0][begin + k].elements();
      view.first_chunk[k + 1] = view.first_chunk[k] + ceil_div(view.elements[k], kChunk);
      for (int l = 0; l < Lists; ++l) view.data[k][l] = output(lists[l][begin + k]);
    }
    launch(stream, update_kernel<Lists, Update>, {view.first_chunk[view.count]}, kThreads, 0, view, update);
  }
}

}  // namespace

void CudaKernels::adam(const TensorList& p, const TensorList& g, const TensorList& m, const TensorList& v, double lr, double beta1,
                       double beta2, double eps, double weight_decay, double step) {
  const float keep1 = static_cast<float>(beta1), take1 = static_cast<float>(1 - beta1);
  const float keep2 = static_cast<float>(beta2), take2 = static_cast<float>(1 - beta2);
  const float rate = static_cast<float>(lr / (1 - std::pow(beta1, step)));
  const float correction = static_cast<float>(1 / std::sqrt(1 - std::pow(beta2, step)));
  const float epsilon = static_cast<float>(eps), decay = static_cast<float>(weight_decay);
  const TensorList lists[] = {p, g, m, v};
  each_parameter(stream_, lists, [=] LDC_LAMBDA(Element<4> & e) {
    const float slope = fmaf(decay, e.of[0], e.of[1]);
    e.of[2] = fmaf(keep1, e.of[2], take1 * slope);
    e.of[3] = fmaf(keep2, e.of[3], take2 * (slope * slope));
    e.of[0] = e.of[0] - rate * e.of[2] / fmaf(sqrtf(e.of[3]), correction, epsilon);
  });
}

void CudaKernels::sgd(const TensorList& p, const TensorList& g, const TensorList& buffer, double lr, double momentum,
                      double weight_decay, bool first) {
  const float rate = static_cast<float>(-lr), keep = static_cast<float>(momentum), decay = static_cast<float>(weight_decay);
  const TensorList lists[] = {p, g, buffer};
  each_parameter(stream_, lists, [=] LDC_LAMBDA(Element<3> & e) {
    const float slope = fmaf(decay, e.of[0], e.of[1]);
    e.of[2] = first ? slope : fmaf(keep, e.of[2], slope);
    e.of[0] = fmaf(rate, e.of[2], e.of[0]);
  });
}

}  // namespace ldc::cuda::LDC_TARGET
