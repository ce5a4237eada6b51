// The device `cuda-emulated`: work runs at once, on the caller's thread; within a step all of it at the end, as in a graph.
#include "../device.h"

#include <chrono>
#include <cstring>
#include <memory>

#include "../features.h"
#include "../make_kernels.h"
#include "machine.h"
#include "memory.h"

namespace ldc::cuda {

namespace {

class EmulatedDevice final : public Device {
 public:
  EmulatedDevice(Precision precision, emulated::Options options)
      : precision_(precision), machine_(options), kernels_(emulated::make_kernels(&machine_, memory_, precision)) {}

  std::string description() const override { return std::string("cuda-emulated, ") + name_of(precision_); }
  int threads() const override { return 1; }

  size_t bytes_of_tensor(const Tensor& t) const override { return static_cast<size_t>(stored_elements(t)) * bytes_of(t.dtype); }
  void* allocate(size_t bytes) override { return memory_.allocate(bytes); }
  void release(void* data) override {
    run([this, data] { memory_.release(data); });
  }
  MemoryStats memory() const override { return memory_.stats(); }

  const Kernels& kernels() const override { return *kernels_; }

  void submit(const char* name, std::function<void(Kernels&)> work) override {
    run([this, name, label = label_, work = std::move(work)] { run_kernel(name, label, work); });
  }

  void upload(const void* source, void* target, size_t bytes) override {
    const char* begin = static_cast<const char*>(source);
    run([target, data = std::vector<char>(begin, begin + bytes)] { std::memcpy(target, data.data(), data.size()); });
  }

  void download(const void* source, void* target, size_t bytes, std::function<void(std::string)> done) override {
    run_put_off();
    std::memcpy(target, source, bytes);
    done(failure_);
  }

  void begin_step() override {
    in_step_ = true;
    step_begin_ = Clock::now();
  }
  void end_step() override {
    run_put_off();
    in_step_ = false;
    const std::chrono::duration<double> taken = Clock::now() - step_begin_;
    if (profiling_ == Profiling::steps) times_.push_back({"step", "", taken.count()});
  }

  void set_profiling(Profiling what) override { profiling_ = what; }
  void set_label(std::string label) override { label_ = std::move(label); }
  std::vector<WorkTime> take_times() override { return std::exchange(times_, {}); }

 private:
  using Clock = std::chrono::steady_clock;

  void run(std::function<void()> work) {
    if (in_step_) {
      put_off_.push_back(std::move(work));
    } else {
      work();
    }
  }

  void run_put_off() {
    for (const auto& work : std::exchange(put_off_, {})) work();
  }

  void run_kernel(const char* name, const std::string& label, const std::function<void(Kernels&)>& work) {
    const auto begin = Clock::now();
    try {
      work(*kernels_);
    } catch (const std::exception& error) {
      if (failure_.empty()) failure_ = std::string(name) + ": " + error.what();
    }
    if (profiling_ != Profiling::work) return;
    const std::chrono::duration<double> taken = Clock::now() - begin;
    times_.push_back({name, label, taken.count()});
  }

  const Precision precision_;
  emulated::Machine machine_;
  emulated::EmulatedMemory memory_;
  std::unique_ptr<Kernels> kernels_;
  std::string failure_, label_;  // the first error, reported by every later download
  Profiling profiling_ = Profiling::off;
  bool in_step_ = false;
  Clock::time_point step_begin_;
  std::vector<std::function<void()>> put_off_;  // the work of a step so far
  std::vector<WorkTime> times_;
};

}  // namespace

std::unique_ptr<Device> make_emulated_device(Precision precision, uint64_t seed, bool checks) {
  return std::make_unique<EmulatedDevice>(precision, emulated::Options{seed, checks});
}

}  // namespace ldc::cuda
