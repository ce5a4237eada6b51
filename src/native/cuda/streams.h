// The two streams of a GPU, one for compute and one for uploads, and what staging.h and uploads.h need of CUDA. All may throw
// std::runtime_error. emulator/streams.h has the same for the emulated device.
#pragma once

#include <cuda_runtime.h>

#include "contract.h"
#include "step_graph.h"

namespace ldc::cuda {

class Streams {
 public:
  using Event = cudaEvent_t;
  enum Name { compute, upload };

  Streams() {
    for (cudaStream_t& stream : streams_) gpu::check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "stream");
  }
  ~Streams() {
    for (const cudaStream_t stream : streams_) cudaStreamDestroy(stream);
  }
  Streams(const Streams&) = delete;
  Streams& operator=(const Streams&) = delete;

  cudaStream_t operator[](Name name) const { return streams_[name]; }

  // The compute stream's work of a step.
  StepGraph step;
  bool capturing() const { return step.capturing(); }

  // Whoever waits for one sleeps: a core that spins is one that cannot decode.
  Event make_event(unsigned flags = cudaEventDisableTiming | cudaEventBlockingSync) {
    Event event = nullptr;
    gpu::check(cudaEventCreateWithFlags(&event, flags), "event");
    return event;
  }
  void destroy(Event event) { cudaEventDestroy(event); }
  void record(Event event, Name name) { gpu::check(cudaEventRecord(event, streams_[name]), "event"); }
  // For the last record before this call; for nothing where there is none.
  void wait(Name name, Event event) { gpu::check(cudaStreamWaitEvent(streams_[name], event, 0), "event"); }
  bool reached(Event event) {
    const cudaError_t status = cudaEventQuery(event);
    if (status == cudaErrorNotReady) cudaGetLastError();  // not an error of the launch that looks for one next
    return status == cudaSuccess;
  }

  void copy_in(Name name, void* target, const void* pinned, size_t bytes) {
    gpu::check(cudaMemcpyAsync(target, pinned, bytes, cudaMemcpyHostToDevice, streams_[name]), "upload");
  }
  void copy_on_device(void* target, const void* source, size_t bytes) {
    gpu::check(cudaMemcpyAsync(target, source, bytes, cudaMemcpyDeviceToDevice, streams_[compute]), "upload");
  }

  void* pinned(size_t bytes) {
    void* data = nullptr;
    gpu::check(cudaMallocHost(&data, bytes), "pinned memory");
    return data;
  }
  void free_pinned(void* data) { cudaFreeHost(data); }
  // Null where there is no memory left.
  void* allocate_device(size_t bytes) {
    void* data = nullptr;
    const cudaError_t status = cudaMalloc(&data, bytes);
    if (status == cudaErrorMemoryAllocation) {
      cudaGetLastError();  // not an error of the device: the caller tries again
      return nullptr;
    }
    gpu::check(status, "memory");
    return data;
  }
  // Waits for the device.
  void free_device(void* data) { cudaFree(data); }

 private:
  cudaStream_t streams_[2] = {};
};

}  // namespace ldc::cuda
