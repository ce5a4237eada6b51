// The CUDA device. Work is launched at once, from the owner's thread, on one stream; a thread of its own waits for downloads.
// Uploads go through pinned memory, on a second stream (uploads.h). The work of a step runs as a graph (step_graph.h), uploads
// included, except what was fetched ahead.
#include "device.h"

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

#include "contract.h"
#include "features.h"
#include "make_kernels.h"
#include "pool.h"
#include "staging.h"
#include "streams.h"
#include "uploads.h"

namespace ldc::cuda {

namespace {

using gpu::check;

// A download on its way.
struct Download {
  Staging<Streams>::Block block;
  void* target;
  size_t bytes;
  std::string failure;  // of work submitted before
  std::function<void(std::string)> done;
};

// Two events around a piece of work.
struct Timing {
  const char* name;
  std::string label;
  cudaEvent_t begin, end;
};

// Before sm_80 there are no TF32 and BF16 tensor cores.
Precision precision_for(int number, Precision wanted) {
  int major = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, number), "device");
  return major < 8 ? Precision::fp32 : wanted;
}

class CudaDevice final : public Device {
 public:
  CudaDevice(int number, Precision precision)
      : number_(number), precision_((check(cudaSetDevice(number), "device"), precision_for(number, precision))),
        pool_([this](size_t bytes) { return streams_.allocate_device(bytes); }, [this](void* data) { give_device_memory(data); }),
        kernels_(gpu::make_kernels(compute_, pool_, precision_)) {
    waiter_ = std::thread([this] { wait_for_downloads(); });
  }

  ~CudaDevice() override {
    {
      std::lock_guard<std::mutex> lock(mutex_);
      stop_ = true;
    }
    wake_.notify_one();
    waiter_.join();
    cudaSetDevice(number_);
    cudaDeviceSynchronize();
    forget(timings_);
  }

  std::string description() const override {
    cudaDeviceProp properties;
    if (cudaGetDeviceProperties(&properties, number_) != cudaSuccess) return "cuda";
    return std::string("cuda ") + properties.name + ", " + name_of(precision_);
  }
  int threads() const override { return 1; }

  size_t bytes_of_tensor(const Tensor& t) const override { return static_cast<size_t>(stored_elements(t)) * bytes_of(t.dtype); }
  void* allocate(size_t bytes) override { return with_device([&] { return pool_.allocate(bytes); }); }
  void release(void* data) override { pool_.release(data); }
  MemoryStats memory() const override {
    MemoryStats stats = pool_.stats();
    stats.reserved += uploads_.reserved();
    return stats;
  }

  const Kernels& kernels() const override { return *kernels_; }

  void submit(const char* name, std::function<void(Kernels&)> work) override {
    guarded(name, [&] {
      if (profiling_ == Profiling::work) begin_timing(name, label_);
      work(*kernels_);
      if (profiling_ == Profiling::work) end_timing();
    });
  }

  void upload(const void* source, void* target, size_t bytes) override {
    guarded("upload", [&] { uploads_.upload(source, target, bytes); });
  }
  bool prefetch(const void* source, size_t bytes) override {
    bool fetched = false;
    guarded("upload", [&] { fetched = uploads_.prefetch(source, bytes); });
    return fetched;
  }
  void upload_prefetched(void* target) override {
    guarded("upload", [&] { uploads_.upload_prefetched(target); });
  }

  void download(const void* source, void* target, size_t bytes, std::function<void(std::string)> done) override {
    Download download = {{}, target, bytes, "", std::move(done)};
    guarded("download", [&] {
      launch_step();
      download.block = staging_.take(bytes);
      check(cudaMemcpyAsync(download.block.data, source, bytes, cudaMemcpyDeviceToHost, compute_), "download");
      check(cudaEventRecord(download.block.done, compute_), "download");
      streams_.step.resume();
    });
    download.failure = failure_;
    {
      std::lock_guard<std::mutex> lock(mutex_);
      downloads_.push_back(std::move(download));
    }
    wake_.notify_one();
  }

  // Timing the work kernel by kernel is what a graph does not allow.
  void begin_step() override {
    const char* wish = std::getenv("LDC_CUDA_GRAPH");
    guarded("step", [&] {
      if (profiling_ == Profiling::steps) begin_timing("step", "");
      if (profiling_ == Profiling::work || (wish != nullptr && std::strcmp(wish, "0") == 0)) return;
      streams_.step.begin(compute_);
    });
  }
  void end_step() override {
    guarded("step", [&] {
      launch_step();
      if (profiling_ == Profiling::steps) end_timing();
    });
    streams_.step.end();
  }

  GraphCounts graphs() const override { return streams_.step.counts(); }

  void set_profiling(Profiling what) override { profiling_ = what; }
  void set_label(std::string label) override { label_ = std::move(label); }

  std::vector<WorkTime> take_times() override {
    std::vector<WorkTime> times;
    guarded("profile", [&] {
      check(cudaStreamSynchronize(compute_), "profile");
      for (const Timing& t : timings_) {
        float milliseconds = 0;
        check(cudaEventElapsedTime(&milliseconds, t.begin, t.end), "profile");
        times.push_back({t.name, t.label, milliseconds * 1e-3});
      }
    });
    forget(timings_);
    return times;
  }

 private:
  template <class Body>
  auto with_device(Body body) -> decltype(body()) {
    check(cudaSetDevice(number_), "device");
    return body();
  }

  // Keeps the first error for the downloads to report. After an error of the device nothing that follows is believed.
  template <class Body>
  void guarded(const char* name, Body body) {
    try {
      with_device(body);
    } catch (const std::bad_alloc&) {
      if (failure_.empty()) failure_ = std::string(name) + ": out of memory";
    } catch (const std::exception& error) {
      if (failure_.empty()) failure_ = std::string(name) + ": " + error.what();
    }
  }

  void begin_timing(const char* name, const std::string& label) {
    timings_.push_back({name, label, streams_.make_event(cudaEventDefault), streams_.make_event(cudaEventDefault)});
    check(cudaEventRecord(timings_.back().begin, compute_), name);
  }
  void end_timing() { check(cudaEventRecord(timings_.back().end, compute_), timings_.back().name); }

  // Starts what the step has captured so far.
  void launch_step() {
    if (!streams_.capturing()) return;
    streams_.step.launch([this] { uploads_.before_launch(); });
    uploads_.after_launch();
  }

  // Captured work may still be about to use it.
  void give_device_memory(void* data) {
    const bool capturing = streams_.capturing();
    if (capturing) launch_step();
    streams_.free_device(data);
    if (capturing) streams_.step.resume();
  }

  static void forget(std::vector<Timing>& timings) {
    for (const Timing& t : timings) {
      cudaEventDestroy(t.begin);
      cudaEventDestroy(t.end);
    }
    timings.clear();
  }

  void wait_for_downloads() {
    cudaSetDevice(number_);
    for (;;) {
      std::unique_lock<std::mutex> lock(mutex_);
      wake_.wait(lock, [this] { return stop_ || !downloads_.empty(); });
      if (downloads_.empty()) return;
      Download download = std::move(downloads_.front());
      downloads_.pop_front();
      lock.unlock();
      std::string error = download.failure;
      if (error.empty()) {
        const cudaError_t status = cudaEventSynchronize(download.block.done);
        if (status == cudaSuccess) {
          std::memcpy(download.target, download.block.data, download.bytes);
        } else {
          error = std::string("the device failed: ") + cudaGetErrorString(status);
        }
      }
      if (download.block.data != nullptr) staging_.give(download.block);
      download.done(std::move(error));
    }
  }

  const int number_;
  const Precision precision_;
  Streams streams_;
  Staging<Streams> staging_{streams_};
  Uploads<Streams> uploads_{streams_, staging_};
  const cudaStream_t compute_ = streams_[Streams::compute];
  Pool pool_;
  std::unique_ptr<Kernels> kernels_;
  std::string failure_, label_;
  Profiling profiling_ = Profiling::off;
  std::vector<Timing> timings_;

  // Shared with the thread that waits.
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Download> downloads_;
  bool stop_ = false;
  std::thread waiter_;
};

}  // namespace

std::unique_ptr<Device> make_device(int number, Precision precision) {
  const std::string reason = why_unusable();
  if (!reason.empty()) throw std::runtime_error(reason);
  return std::make_unique<CudaDevice>(number, precision);
}

// Is there where any kernel is: asked for to learn whether the build has code for a GPU.
__global__ void present_kernel() {}

// NVIDIA's rule of compatibility within a major version (CUDA's release notes, table of minimum drivers); the newest GPUs need the
// first driver that knows them.
#if CUDART_VERSION >= 13000
constexpr const char* kDriverNeeded = "driver R580 or newer";
#else
constexpr const char* kDriverNeeded = "driver R525 or newer (R570 for compute capability 10 and 12)";
#endif

std::string why_unusable() {
  int driver = 0, count = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) return "no NVIDIA driver is installed";
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver) {
    return "the NVIDIA driver supports CUDA " + std::to_string(driver / 1000) + "." + std::to_string(driver % 1000 / 10) +
           ", this build needs " + std::to_string(CUDART_VERSION / 1000) + "." + std::to_string(CUDART_VERSION % 1000 / 10) +
           " and " + kDriverNeeded;
  }
  if (status != cudaSuccess) return std::string("CUDA does not start: ") + cudaGetErrorString(status);
  if (count == 0) return "there is no NVIDIA GPU";
  cudaDeviceProp p;
  cudaFuncAttributes attributes;
  if (cudaGetDeviceProperties(&p, 0) != cudaSuccess) return "the GPU does not answer";
  cudaError_t reason = cudaSetDevice(0);
  if (reason == cudaSuccess) reason = cudaFuncGetAttributes(&attributes, present_kernel);
  if (reason == cudaSuccess) return "";
  cudaGetLastError();
  if (reason == cudaErrorNoKernelImageForDevice || reason == cudaErrorInvalidDeviceFunction) {
    return std::string("this build has no code for the ") + p.name + " (compute capability " + std::to_string(p.major) + "." +
           std::to_string(p.minor) + "), only for " LDC_CUDA_ARCHITECTURES;
  }
  // Another process has it to itself, or all its memory.
  return std::string("the ") + p.name + " cannot be used now: " + cudaGetErrorString(reason);
}

double peak_flops(int number, Precision precision) {
  const auto attribute = [&](cudaDeviceAttr name) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, name, number), "device");
    return value;
  };
  // FLOP a clock of a multiprocessor: FMA units, and tensor cores in TF32; BF16 is twice that. NVIDIA's architecture papers. Of 8.6 and
  // 8.9 the professional cards do twice what GeForce cards do, which stand here.
  struct Rate {
    int major, minor, fp32, tf32;
  };
  constexpr Rate kRates[] = {{7, 5, 128, 0},    {8, 0, 128, 1024},  {8, 6, 256, 256}, {8, 9, 256, 256},
                             {9, 0, 256, 2048}, {10, 0, 256, 4096}, {12, 0, 256, 256}};
  const int major = attribute(cudaDevAttrComputeCapabilityMajor), minor = attribute(cudaDevAttrComputeCapabilityMinor);
  for (const Rate& r : kRates) {
    if (r.major != major || r.minor != minor) continue;
    const Precision p = precision_for(number, precision);
    const int a_clock = p == Precision::fp32 ? r.fp32 : p == Precision::tf32 ? r.tf32 : 2 * r.tf32;
    return 1e3 * attribute(cudaDevAttrClockRate) * attribute(cudaDevAttrMultiProcessorCount) * a_clock;
  }
  return 0;
}

std::vector<std::string> gpus() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) return {};
  std::vector<std::string> list;
  for (int i = 0; i < count; ++i) {
    cudaDeviceProp p;
    check(cudaGetDeviceProperties(&p, i), "device");
    list.push_back(std::string(p.name) + ", compute capability " + std::to_string(p.major) + "." + std::to_string(p.minor) + ", " +
                   std::to_string(p.totalGlobalMem >> 20) + " MiB");
  }
  return list;
}

std::string summary() {
  const auto version = [](int v) { return std::to_string(v / 1000) + "." + std::to_string(v % 1000 / 10); };
  std::string text = "built with CUDA " + version(CUDART_VERSION) + " for " LDC_CUDA_ARCHITECTURES + ", needs " + kDriverNeeded;
  int driver = 0;
  if (cudaDriverGetVersion(&driver) == cudaSuccess && driver > 0) text += ", driver for CUDA " + version(driver);
  const std::string reason = why_unusable();
  if (!reason.empty()) return text + "; not usable: " + reason;
  const std::vector<std::string> list = gpus();
  for (size_t i = 0; i < list.size(); ++i) text.append("\n").append(std::to_string(i)).append(": ").append(list[i]);
  return text;
}

}  // namespace ldc::cuda
