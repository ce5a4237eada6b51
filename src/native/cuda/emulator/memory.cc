#include "memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>

#include "machine.h"

namespace ldc::cuda::emulated {

namespace {

struct Allocation {
  size_t bytes;
  const EmulatedMemory* owner;
};

// Devices of several threads share the address space, hence the list and its lock.
std::mutex mutex;
std::map<const char*, Allocation>& allocations() {
  static std::map<const char*, Allocation> all;
  return all;
}

constexpr size_t kAlign = 256;

}  // namespace

Extent allocation_of(const void* data) {
  const char* p = static_cast<const char*>(data);
  std::lock_guard<std::mutex> lock(mutex);
  auto after = allocations().upper_bound(p);
  if (after != allocations().begin()) {
    const auto& [begin, allocation] = *--after;
    if (p <= begin + allocation.bytes) return {begin, begin + allocation.bytes};
  }
  throw Trap("a kernel is given memory that is not allocated");
}

EmulatedMemory::~EmulatedMemory() {
  std::lock_guard<std::mutex> lock(mutex);
  std::erase_if(allocations(), [this](const auto& entry) {
    if (entry.second.owner != this) return false;
    std::free(const_cast<char*>(entry.first));
    return true;
  });
}

void* EmulatedMemory::allocate(size_t bytes) {
  bytes = std::max<size_t>(bytes, 1);
  char* data = static_cast<char*>(std::aligned_alloc(kAlign, (bytes + kAlign - 1) / kAlign * kAlign));
  if (data == nullptr) throw std::bad_alloc();
  std::memset(data, 0xff, bytes);
  stats_.live += bytes;
  if (stats_.live > stats_.peak) {
    stats_.peak = stats_.reserved = stats_.live;
    ++stats_.growths;
  }
  std::lock_guard<std::mutex> lock(mutex);
  allocations()[data] = {bytes, this};
  return data;
}

void EmulatedMemory::release(void* data) {
  std::lock_guard<std::mutex> lock(mutex);
  const auto found = allocations().find(static_cast<const char*>(data));
  stats_.live -= found->second.bytes;
  allocations().erase(found);
  std::free(data);
}

}  // namespace ldc::cuda::emulated
