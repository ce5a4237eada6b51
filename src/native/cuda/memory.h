// Device memory as kernels and tensors get it, in the order of the stream: what is released may be handed out again at once.
#pragma once

#include <cstddef>

#include "../device.h"

namespace ldc::cuda {

class Memory {
 public:
  virtual ~Memory() = default;
  virtual void* allocate(size_t bytes) = 0;  // 256-byte aligned; throws std::bad_alloc
  virtual void release(void* data) = 0;
  virtual MemoryStats stats() const = 0;
};

// Working memory of one kernel.
template <class T>
class Scratch {
 public:
  Scratch(Memory& memory, int64_t count)
      : memory_(memory), data_(static_cast<T*>(memory.allocate(static_cast<size_t>(count) * sizeof(T)))) {}
  ~Scratch() { memory_.release(data_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  T* data() const { return data_; }

 private:
  Memory& memory_;
  T* data_;
};

}  // namespace ldc::cuda
