// The stand-alone check: fixtures on a device, then the time of every layer. Needs neither Node nor the engine.
//
//   ldc_check FOLDER... [--device cpu|cuda|cuda-emulated] [--precision fp32|tf32|bf16] [--seed N] [--time]
//
// Exits with 0 when every tensor is inside its limit, 1 when one is not, 2 when the call is wrong or the device cannot be used.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "../cpu/device.h"
#include "../cuda/device.h"
#include "parity.h"
#include "timing.h"

namespace {

using namespace ldc;

struct Call {
  std::vector<std::string> folders;
  std::string device = "cuda";
  cuda::Precision precision = cuda::Precision::fp32;
  uint64_t seed = 0;
  bool time = false;
};

[[noreturn]] void refuse(const std::string& what) {
  std::fprintf(stderr, "ldc_check: %s\n", what.c_str());
  std::exit(2);
}

Call read_call(int count, char** words) {
  Call call;
  for (int i = 1; i < count; ++i) {
    const std::string word = words[i];
    const auto value = [&]() -> std::string {
      if (++i >= count) refuse(word + " needs a value");
      return words[i];
    };
    if (word == "--device") {
      call.device = value();
    } else if (word == "--precision") {
      const std::string name = value();
      bool known = false;
      for (const auto precision : {cuda::Precision::fp32, cuda::Precision::tf32, cuda::Precision::bf16}) {
        if (name != cuda::name_of(precision)) continue;
        call.precision = precision;
        known = true;
      }
      if (!known) refuse("--precision is fp32, tf32 or bf16, not " + name);
    } else if (word == "--seed") {
      call.seed = std::strtoull(value().c_str(), nullptr, 10);
    } else if (word == "--time") {
      call.time = true;
    } else if (word[0] == '-') {
      refuse("there is no option " + word);
    } else {
      call.folders.push_back(word);
    }
  }
  if (call.folders.empty() && !call.time) refuse("name a fixture folder, or --time");
  return call;
}

std::unique_ptr<Device> open(const Call& call) {
  if (call.device == "cpu") return cpu::make_device(0);
#ifdef LDC_CUDA_EMULATOR
  if (call.device == "cuda-emulated") return cuda::make_emulated_device(call.precision, call.seed, true);
#endif
#ifdef LDC_CUDA
  if (call.device == "cuda") return cuda::make_device(0, call.precision);
#endif
  refuse("this program was built without the device " + call.device);
}

// Unit roundoff of the operands: half the distance between neighbours, 2^-11 with 10 bits of mantissa and 2^-8 with 7.
double rounding_of(const Call& call) {
  if (call.device == "cpu" || call.precision == cuda::Precision::fp32) return 0;
  return call.precision == cuda::Precision::tf32 ? 0x1p-11 : 0x1p-8;
}

}  // namespace

int main(int count, char** words) {
  const Call call = read_call(count, words);
  try {
    const std::unique_ptr<Device> device = open(call);
    std::printf("device: %s\n", device->description().c_str());
    const std::unique_ptr<Device> reference = cpu::make_device(1);
    bool good = true;
    for (const std::string& folder : call.folders) {
      const check_program::Verdict v = check_program::check_folder(*device, folder, rounding_of(call), *reference);
      std::printf("%s: %d cases, %d tensors, %d beyond their limit; largest share of a limit %.3f (%s)\n", folder.c_str(), v.cases,
                  v.tensors, v.failed, v.largest_share, v.largest_where.c_str());
      good = good && v.failed == 0 && v.cases > 0;
    }
    if (call.time) check_program::time_layers(*device);
    return good ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ldc_check: %s\n", error.what());
    return 2;
  }
}
