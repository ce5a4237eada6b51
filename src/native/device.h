// What a device offers beside its kernels: memory, an ordered queue of work, and statistics of both.
//
// Everything here is called from one thread, the owner's. Work runs later, in order, elsewhere: a CPU device has a thread of
// its own, CUDA a stream. Memory is therefore stream-ordered: a block that is released may be handed out again at once,
// because whatever still uses it was submitted earlier.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "kernels.h"

namespace ldc {

struct MemoryStats {
  size_t live = 0;      // bytes handed out
  size_t peak = 0;      // highest value of live
  size_t reserved = 0;  // bytes taken from the system, working memory of kernels included
  size_t growths = 0;   // how often memory was taken from the system: constant in steady state
};

// What is timed: nothing, every submitted piece of work, or steps as a whole, from begin_step() to end_step().
enum class Profiling : int { off, work, steps };

struct WorkTime {
  const char* name;   // kernel, or "step"
  std::string label;  // layer, as set by set_label()
  double seconds;
};

// What became of steps that ran as graphs, part by part: where many are made anew, the shape of the work changes from step to step.
struct GraphCounts {
  size_t updated = 0;  // the graph of the step before, brought up to date
  size_t made = 0;     // there was none for this part
  size_t remade = 0;   // there was one that could not be brought up to date
};

class Device {
 public:
  virtual ~Device() = default;

  virtual std::string description() const = 0;  // for people, e.g. "cpu avx512, 2 threads"
  virtual int threads() const = 0;

  // Bytes that a tensor of this type, shape and layout takes on this device.
  virtual size_t bytes_of_tensor(const Tensor& tensor) const = 0;
  // Throws std::bad_alloc.
  virtual void* allocate(size_t bytes) = 0;
  virtual void release(void* data) = 0;
  virtual MemoryStats memory() const = 0;

  // For pure functions of the list only; everything else goes through submit().
  virtual const Kernels& kernels() const = 0;
  virtual void submit(const char* name, std::function<void(Kernels&)> work) = 0;
  // Copies host bytes to the device; `bytes` of `source` are read before the call returns.
  virtual void upload(const void* source, void* target, size_t bytes) = 0;
  // Begins to bring host bytes to the device beside what it computes; false where there is nothing to gain. `bytes` of `source` are
  // read before the call returns. upload_prefetched() then puts what was fetched last where it belongs, in the order of all work,
  // once, and is an upload in all else.
  virtual bool prefetch(const void* /*source*/, size_t /*bytes*/) { return false; }
  virtual void upload_prefetched(void* /*target*/) {}
  // Copies device bytes to the host, then calls done(error) from any thread; error is empty when all work so far succeeded.
  virtual void download(const void* source, void* target, size_t bytes, std::function<void(std::string)> done) = 0;

  // Around the work of one step of a loop, which comes back in the same shape. The device may put all of it off to the end and
  // run it at once (CUDA: as a graph); a download in between runs what there is so far.
  virtual void begin_step() {}
  virtual void end_step() {}
  virtual GraphCounts graphs() const { return {}; }

  // take_times() waits for the queue to drain, and returns what was timed since the last call.
  virtual void set_profiling(Profiling what) = 0;
  virtual void set_label(std::string label) = 0;
  virtual std::vector<WorkTime> take_times() = 0;
};

}  // namespace ldc
