#include "step_graph.h"

#include "contract.h"

namespace ldc::cuda {

using gpu::check;

StepGraph::~StepGraph() {
  for (cudaGraphExec_t part : parts_) {
    if (part != nullptr) cudaGraphExecDestroy(part);
  }
}

void StepGraph::begin(cudaStream_t stream) {
  stream_ = stream;
  in_step_ = true;
  part_ = 0;
  capture();
}

void StepGraph::resume() {
  if (in_step_ && !capturing_) capture();
}

// Relaxed: memory may be taken from the driver while work is captured.
void StepGraph::capture() {
  capturing_ = cudaStreamBeginCapture(stream_, cudaStreamCaptureModeRelaxed) == cudaSuccess;
  if (!capturing_) cudaGetLastError();
}

void StepGraph::launch(const std::function<void()>& before) {
  if (!capturing_) return;
  capturing_ = false;
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(stream_, &graph), "graph");
  before();
  size_t nodes = 0;
  cudaError_t status = cudaGraphGetNodes(graph, nullptr, &nodes);
  if (status == cudaSuccess && nodes > 0) {
    if (part_ == parts_.size()) parts_.push_back(nullptr);
    cudaGraphExec_t& part = parts_[part_++];
    cudaGraphExecUpdateResultInfo difference;
    if (part == nullptr) {
      ++counts_.made;
    } else if (cudaGraphExecUpdate(part, graph, &difference) == cudaSuccess) {
      ++counts_.updated;
    } else {
      cudaGetLastError();  // other work than in the step before
      cudaGraphExecDestroy(part);
      part = nullptr;
      ++counts_.remade;
    }
    if (part == nullptr) status = cudaGraphInstantiate(&part, graph, 0);
    if (status == cudaSuccess) status = cudaGraphLaunch(part, stream_);
  }
  cudaGraphDestroy(graph);
  check(status, "graph");
}

}  // namespace ldc::cuda
