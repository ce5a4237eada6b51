#include "scratch.h"

#include <sys/mman.h>

#include <new>

namespace ldc::cpu {

Scratch::~Scratch() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

void* Scratch::get(size_t bytes) {
  if (bytes <= bytes_) return data_;
  constexpr size_t kHugePage = size_t{2} << 20;
  const size_t wanted = (bytes + kHugePage - 1) / kHugePage * kHugePage;
  if (data_ != nullptr) munmap(data_, bytes_);
  data_ = nullptr;
  bytes_ = 0;
  void* block = mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block == MAP_FAILED) throw std::bad_alloc();
  madvise(block, wanted, MADV_HUGEPAGE);
  data_ = block;
  bytes_ = wanted;
  return data_;
}

}  // namespace ldc::cpu
