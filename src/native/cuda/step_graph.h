// A step of training as CUDA graphs: its launches are captured from the stream and started together, which costs the GPU no pause
// between kernels.
//
// Every step is captured anew, which is cheap, and the graph of the step before is brought up to date with it (pointers,
// learning rate, number of the step); only where the shape of the work differs is a new one made. Nothing therefore has to be
// the same from step to step for the result to be right. A step that is read from in between is a graph a part.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <functional>
#include <vector>

#include "../device.h"

namespace ldc::cuda {

class StepGraph {
 public:
  StepGraph() = default;
  ~StepGraph();
  StepGraph(const StepGraph&) = delete;
  StepGraph& operator=(const StepGraph&) = delete;

  // From here on, work for the stream is captured. Without effect where the driver does not want to: it is launched as it comes.
  void begin(cudaStream_t stream);
  // Launches what was captured so far, behind what `before` does to the stream, which is not captured. Throws std::runtime_error;
  // nothing is captured any more then.
  void launch(const std::function<void()>& before);
  // Goes on with the next part.
  void resume();
  // What was captured has been launched.
  void end() { in_step_ = false; }

  bool capturing() const { return capturing_; }
  const GraphCounts& counts() const { return counts_; }

 private:
  void capture();

  cudaStream_t stream_ = nullptr;
  bool in_step_ = false, capturing_ = false;
  GraphCounts counts_;
  size_t part_ = 0;                     // of the step
  std::vector<cudaGraphExec_t> parts_;  // of the step before; null: to be made
};

}  // namespace ldc::cuda
