// The CPU device's queue as the addon uses it, from one thread: memory handed out again while earlier work still runs, uploads of memory
// that the caller reuses at once, downloads that settle in order, an error that later downloads tell. For ThreadSanitizer above all.
#include <atomic>
#include <cstdio>
#include <future>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "../../src/native/cpu/device.h"

using namespace ldc;

namespace {

int checks = 0, failures = 0;

void check(bool holds, const char* what) {
  ++checks;
  if (holds) return;
  ++failures;
  std::printf("FAIL %s\n", what);
}

Tensor vector_of(Device& device, int64_t count) {
  Tensor t;
  t.rank = 1;
  t.shape[0] = count;
  t.data = device.allocate(device.bytes_of_tensor(t));
  return t;
}

std::string download(Device& device, const Tensor& from, std::vector<float>& to) {
  std::promise<std::string> done;
  device.download(from.data, to.data(), to.size() * 4, [&](std::string error) { done.set_value(error); });
  return done.get_future().get();
}

void steps(Device& device) {
  const int64_t count = 5000;
  std::vector<float> values(count), sums(count);
  Tensor sum = vector_of(device, count);
  device.submit("fill", [=](Kernels& k) { k.fill(sum, 0); });
  std::atomic<int> last{0};
  size_t reserved = 0;
  for (int step = 1; step <= 50; ++step) {
    // The block is that of the step before, whose work may not have begun.
    Tensor x = vector_of(device, count);
    for (float& value : values) value = static_cast<float>(step);
    device.upload(values.data(), x.data, values.size() * 4);
    device.submit("accumulate", [=](Kernels& k) { k.accumulate(x, sum); });
    device.download(sum.data, sums.data(), 4, [&last, step](std::string) { last = last == step - 1 ? step : -1; });
    device.release(x.data);
    const MemoryStats memory = device.memory();
    if (step > 1) check(memory.reserved == reserved, "a step takes no more memory than the one before");
    reserved = memory.reserved;
  }
  check(download(device, sum, sums).empty(), "no error");
  check(last == 50, "downloads settle in order");
  bool equal = true;
  for (float value : sums) equal = equal && value == 50 * 51 / 2;
  check(equal, "each step saw its own upload");
  device.release(sum.data);
  check(device.memory().live == 0, "all is released");
}

void profiled(Device& device) {
  device.set_profiling(Profiling::work);
  device.set_label("layer");
  Tensor x = vector_of(device, 10);
  device.submit("fill", [=](Kernels& k) { k.fill(x, 1); });
  device.set_profiling(Profiling::off);
  bool named = false;
  for (const WorkTime& time : device.take_times()) named = named || (std::string(time.name) == "fill" && time.label == "layer");
  check(named, "work is timed under its name and label");
  device.release(x.data);
}

void errors(Device& device) {
  Tensor x = vector_of(device, 10);
  std::vector<float> values(10);
  device.submit("first", [](Kernels&) { throw std::bad_alloc(); });
  device.submit("second", [](Kernels&) { throw std::runtime_error("later"); });
  check(download(device, x, values) == "first: out of memory", "the first error is told");
  check(download(device, x, values) == "first: out of memory", "and told again");
  device.release(x.data);
  bool thrown = false;
  try {
    device.allocate(size_t{1} << 60);
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  check(thrown, "more than there can be is refused");
}

}  // namespace

int main() {
  for (int threads : {1, 2, 3}) {
    const auto device = cpu::make_device(threads);
    steps(*device);
    profiled(*device);
    errors(*device);
  }
  // Work that nobody waits for is done before the device goes.
  std::atomic<int> ran{0};
  {
    const auto device = cpu::make_device(2);
    for (int i = 0; i < 10; ++i) device->submit("count", [&](Kernels&) { ++ran; });
  }
  check(ran == 10, "what was submitted runs before the device goes");
  std::printf("%d results, %d failures\n", checks, failures);
  return failures == 0 ? 0 : 1;
}
