// The emulated device's memory: every allocation apart, of exactly the size asked for and filled with ones (a NaN as floats),
// so that an access beyond its end is an error and an output that is left out is seen.
#pragma once

#include <cstddef>

#include "../memory.h"

namespace ldc::cuda::emulated {

struct Extent {
  const char *begin, *end;
};

// The live allocation that `data` lies in. Throws Trap where there is none.
Extent allocation_of(const void* data);

class EmulatedMemory final : public Memory {
 public:
  ~EmulatedMemory() override;
  void* allocate(size_t bytes) override;
  void release(void* data) override;
  MemoryStats stats() const override { return stats_; }

 private:
  MemoryStats stats_;
};

}  // namespace ldc::cuda::emulated
