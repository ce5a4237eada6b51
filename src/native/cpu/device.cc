#include "device.h"

#include <sched.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "arena.h"
#include "features.h"
#include "isa.h"
#include "pool.h"
#include "scratch.h"

namespace ldc::cpu {

namespace {

int threads_from_environment() {
  const char* text = std::getenv("LDC_THREADS");
  if (text == nullptr || *text == 0) return processors();
  char* end = nullptr;
  const long value = std::strtol(text, &end, 10);
  if (*end != 0 || value < 1 || value > 1024) {
    throw std::runtime_error(std::string("LDC_THREADS=") + text + " is not a number from 1 to 1024");
  }
  return static_cast<int>(value);
}

class CpuDevice final : public Device {
 public:
  CpuDevice(int threads, bool bf16)
      : bf16_(bf16), isa_(choose_isa()), pool_(threads), kernels_(make_kernels(isa_, pool_, scratch_)), runner_([this] { run(); }) {}

  ~CpuDevice() override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    runner_.join();
  }

  std::string description() const override {
    const int n = pool_.threads();
    return std::string("cpu ") + name_of(isa_) + ", " + std::to_string(n) + (n == 1 ? " thread" : " threads") + (bf16_ ? ", bf16" : "");
  }
  int threads() const override { return pool_.threads(); }

  size_t bytes_of_tensor(const Tensor& t) const override { return static_cast<size_t>(stored_elements(t)) * bytes_of(t.dtype); }
  void* allocate(size_t bytes) override { return arena_.allocate(bytes); }
  void release(void* data) override { arena_.release(data); }

  MemoryStats memory() const override {
    MemoryStats stats = arena_.memory();
    stats.reserved += scratch_bytes_.load();
    stats.growths += scratch_growths_.load();
    return stats;
  }

  const Kernels& kernels() const override { return *kernels_; }

  void submit(const char* name, std::function<void(Kernels&)> work) override { enqueue({name, label_, std::move(work)}); }

  void upload(const void* source, void* target, size_t bytes) override {
    // The target may still be in use by work submitted earlier, and the source belongs to the caller: keep a copy.
    auto copy = std::make_shared<std::vector<char>>(static_cast<const char*>(source), static_cast<const char*>(source) + bytes);
    enqueue({"upload", label_, [copy, target](Kernels&) { std::memcpy(target, copy->data(), copy->size()); }});
  }

  void download(const void* source, void* target, size_t bytes, std::function<void(std::string)> done) override {
    enqueue({"download", label_, [this, source, target, bytes, done = std::move(done)](Kernels&) {
               std::memcpy(target, source, bytes);
               done(failure_);
             }});
  }

  void begin_step() override {
    if (times_steps_) enqueue({"profile", "", [this](Kernels&) { step_begin_ = Clock::now(); }});
  }
  void end_step() override {
    if (!times_steps_) return;
    enqueue({"profile", "", [this](Kernels&) {
               const std::chrono::duration<double> taken = Clock::now() - step_begin_;
               times_.push_back({"step", "", taken.count()});
             }});
  }

  void set_profiling(Profiling what) override {
    times_steps_ = what == Profiling::steps;
    enqueue({"profile", "", [this, what](Kernels&) { profiling_ = what == Profiling::work; }});
  }
  void set_label(std::string label) override { label_ = std::move(label); }

  std::vector<WorkTime> take_times() override {
    std::mutex done_mutex;
    std::condition_variable done;
    bool ready = false;
    std::vector<WorkTime> taken;
    enqueue({"profile", "", [&](Kernels&) {
               std::lock_guard<std::mutex> lock(done_mutex);
               taken.swap(times_);
               ready = true;
               done.notify_one();
             }});
    std::unique_lock<std::mutex> lock(done_mutex);
    done.wait(lock, [&] { return ready; });
    return taken;
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Work {
    const char* name;
    std::string label;
    std::function<void(Kernels&)> run;
  };

  void enqueue(Work work) {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      queue_.push_back(std::move(work));
    }
    wake_.notify_one();
  }

  void run() {
    for (;;) {
      Work work;
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, [this] { return stop_ || !queue_.empty(); });
        if (queue_.empty()) return;
        work = std::move(queue_.front());
        queue_.pop_front();
      }
      const bool timed = profiling_;
      const auto begin = Clock::now();
      try {
        work.run(*kernels_);
      } catch (const std::bad_alloc&) {
        if (failure_.empty()) failure_ = std::string(work.name) + ": out of memory";
      } catch (const std::exception& error) {
        if (failure_.empty()) failure_ = std::string(work.name) + ": " + error.what();
      }
      if (timed) {
        const std::chrono::duration<double> taken = Clock::now() - begin;
        times_.push_back({work.name, std::move(work.label), taken.count()});
      }
      if (scratch_.bytes() != scratch_bytes_.load()) {
        scratch_bytes_.store(scratch_.bytes());
        scratch_growths_.fetch_add(1);
      }
    }
  }

  // The owner's side.
  Arena arena_;
  std::string label_;
  bool times_steps_ = false;

  // The runner's side; failure_ holds the first error, reported by every later download.
  const bool bf16_;
  const Isa isa_;
  Scratch scratch_;
  Pool pool_;
  std::unique_ptr<Kernels> kernels_;
  std::string failure_;
  bool profiling_ = false;
  Clock::time_point step_begin_;
  std::vector<WorkTime> times_;
  std::atomic<size_t> scratch_bytes_{0};
  std::atomic<size_t> scratch_growths_{0};

  // Between the two.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> queue_;
  bool stop_ = false;
  std::thread runner_;  // last: starts when everything above is there
};

}  // namespace

int processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return CPU_COUNT(&set);
  return std::max(1u, std::thread::hardware_concurrency());
}

std::unique_ptr<Device> make_device(int threads, bool bf16) {
  return std::make_unique<CpuDevice>(threads > 0 ? threads : threads_from_environment(), bf16);
}

}  // namespace ldc::cpu
