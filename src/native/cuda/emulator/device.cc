// The device `cuda-emulated`: work is put off until it is waited for and runs on the caller's thread, uploads and compute against each other
// (streams.h); within a step the compute stream gets all of it at the end, as a graph.
#include "../device.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <list>
#include <map>
#include <memory>

#include "../features.h"
#include "../make_kernels.h"
#include "../staging.h"
#include "../uploads.h"
#include "machine.h"
#include "memory.h"
#include "streams.h"

namespace ldc::cuda {

namespace {

class EmulatedDevice final : public Device {
 public:
  EmulatedDevice(Precision precision, emulated::Options options)
      : precision_(precision), machine_(options), streams_(options.seed), kernels_(emulated::make_kernels(&machine_, memory_, precision)) {}

  ~EmulatedDevice() override { streams_.forget(); }

  std::string description() const override { return std::string("cuda-emulated, ") + name_of(precision_); }
  int threads() const override { return 1; }

  size_t bytes_of_tensor(const Tensor& t) const override { return static_cast<size_t>(stored_elements(t)) * bytes_of(t.dtype); }

  // As the pool of a GPU does, hands out again what was released, though work that was submitted before may still use it.
  void* allocate(size_t bytes) override {
    const auto again = std::find_if(released_.begin(), released_.end(), [&](const Block& block) { return block.bytes == bytes; });
    const Block block = again != released_.end() ? *again : Block{memory_.allocate(bytes), bytes};
    if (again != released_.end()) released_.erase(again);
    used_[block.data] = bytes;
    return block.data;
  }
  void release(void* data) override {
    const auto found = used_.find(data);
    const auto block = released_.insert(released_.end(), {data, found->second, ++releases_});
    used_.erase(found);
    streams_.submit(Streams::compute, [this, block = *block] {
      const auto same = [&](const Block& other) { return other.release == block.release; };
      const auto unused = std::find_if(released_.begin(), released_.end(), same);
      if (unused == released_.end()) {
        std::memset(block.data, 0xff, block.bytes);  // somebody has it again: undefined, as new memory is
      } else {
        released_.erase(unused);
        memory_.release(block.data);
      }
    });
  }
  MemoryStats memory() const override {
    if (!streams_.capturing()) streams_.run();
    return memory_.stats();
  }

  const Kernels& kernels() const override { return *kernels_; }

  void submit(const char* name, std::function<void(Kernels&)> work) override {
    streams_.submit(Streams::compute, [this, name, label = label_, work = std::move(work)] { run_kernel(name, label, work); });
  }

  void upload(const void* source, void* target, size_t bytes) override { uploads_.upload(source, target, bytes); }
  bool prefetch(const void* source, size_t bytes) override { return uploads_.prefetch(source, bytes); }
  void upload_prefetched(void* target) override { uploads_.upload_prefetched(target); }

  void download(const void* source, void* target, size_t bytes, std::function<void(std::string)> done) override {
    launch_step();
    streams_.run();
    std::memcpy(target, source, bytes);
    done(failure_);
    if (in_step_) streams_.begin_capture();
  }

  void begin_step() override {
    const char* wish = std::getenv("LDC_CUDA_GRAPH");
    in_step_ = profiling_ != Profiling::work && (wish == nullptr || std::strcmp(wish, "0") != 0);
    step_begin_ = Clock::now();
    if (in_step_) streams_.begin_step();
  }
  GraphCounts graphs() const override { return streams_.counts(); }
  void end_step() override {
    launch_step();
    in_step_ = false;
    if (profiling_ != Profiling::steps) return;
    streams_.run();
    const std::chrono::duration<double> taken = Clock::now() - step_begin_;
    times_.push_back({"step", "", taken.count()});
  }

  void set_profiling(Profiling what) override {
    streams_.run();
    profiling_ = what;
  }
  void set_label(std::string label) override { label_ = std::move(label); }
  std::vector<WorkTime> take_times() override {
    streams_.run();
    return std::exchange(times_, {});
  }

 private:
  using Clock = std::chrono::steady_clock;
  using Streams = emulated::Streams;

  struct Block {
    void* data;
    size_t bytes;
    uint64_t release = 0;  // which one
  };

  void launch_step() {
    if (!streams_.capturing()) return;
    streams_.launch([this] { uploads_.before_launch(); });
    uploads_.after_launch();
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
  std::map<void*, size_t> used_;  // with its bytes
  std::list<Block> released_;     // whose release has not been come to
  uint64_t releases_ = 0;
  mutable Streams streams_;
  Staging<Streams> staging_{streams_};
  Uploads<Streams> uploads_{streams_, staging_};
  std::unique_ptr<Kernels> kernels_;
  std::string failure_, label_;  // the first error, reported by every later download
  Profiling profiling_ = Profiling::off;
  bool in_step_ = false;
  Clock::time_point step_begin_;
  std::vector<WorkTime> times_;
};

}  // namespace

std::unique_ptr<Device> make_emulated_device(Precision precision, uint64_t seed, bool checks) {
  return std::make_unique<EmulatedDevice>(precision, emulated::Options{seed, checks});
}

}  // namespace ldc::cuda
