// A step of the product, recorded as the calls that the engine made of a device (experiments/bench/recordSteps.ts), made again
// without the engine. Weights and images are made-up values of the recorded range, the same here as where it was recorded.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "recorded_arguments.h"
#include "session.h"

namespace ldc::check_program {

// A recorded step on one device.
class RecordedStep {
 public:
  // Reads the file and prepares: makes weights and state. Throws std::runtime_error for what cannot be read.
  RecordedStep(Device& device, const std::string& path);
  ~RecordedStep();
  RecordedStep(const RecordedStep&) = delete;
  RecordedStep& operator=(const RecordedStep&) = delete;

  const std::string& name() const { return name_; }
  int batch() const { return batch_; }
  int size() const { return size_; }

  // Submits the step. Ahead: with images that were fetched while the step before it was computed.
  void run(bool ahead = false);
  // Of the direct sums of the last step's convolutions and linear layers.
  double flop() const { return flop_; }

  // Of what the last step has read and of every tensor that is left: equal where all bits are. Waits for the work; throws
  // std::runtime_error where it failed.
  std::string digest();

 private:
  using Call = std::function<void()>;

  Call compiled(const std::vector<Json>& call);
  template <auto Kernel>
  Call kernel(const char* name, const std::vector<Json>& call);
  template <auto Kernel, class... P, size_t... I>
  Call kernel(const char* name, const std::vector<Json>& call, void (Kernels::*)(P...), std::index_sequence<I...>);
  Call create(const std::vector<Json>& call, bool packed);
  Call upload(const std::vector<Json>& call);
  Call download(const std::vector<Json>& call);
  void make(size_t handle, DType type, Layout layout, const std::vector<int64_t>& shape);

  Session session_;
  Device& device_;
  std::string name_;
  int batch_ = 0, size_ = 0;
  double flop_ = 0;
  uint32_t uploads_ = 0;
  std::vector<Call> run_;
  std::shared_ptr<std::vector<char>> images_;  // what the step uploads of bytes, once it has
  bool fetched_ = false;                       // they are on the device
  Tensors tensors_;  // by handle; without data where there is none now
  std::vector<std::shared_ptr<std::vector<uint32_t>>> read_;  // what the step downloads, in its order
};

}  // namespace ldc::check_program
