// Working memory of the kernel that runs: one block that only ever grows, so that steady state allocates nothing.
#pragma once

#include <cstddef>

namespace ldc::cpu {

class Scratch {
 public:
  Scratch() = default;
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  // At least `bytes`, 64-byte aligned, content undefined; valid until the next call. A kernel asks once and divides the
  // block itself (per thread, per matrix).
  void* get(size_t bytes);
  size_t bytes() const { return bytes_; }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace ldc::cpu
