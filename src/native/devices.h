// The devices of this build, by name: cpu always, cuda where it was built with nvcc, cuda-emulated in the addon for tests.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cuda/precision.h"
#include "device.h"

namespace ldc {

struct DeviceRequest {
  std::string name;
  int threads = 0;                                       // of cpu; 0: LDC_THREADS, else all processors
  cuda::Precision precision = cuda::Precision::fp32;     // of cpu fp32 or bf16
  uint64_t seed = 0;                                     // of cuda-emulated: the order of blocks and threads
  bool checks = true;                                    // of cuda-emulated: accesses to shared memory are followed
};

// Throws std::invalid_argument for a device this build does not have, std::runtime_error with the reason for one that is not usable.
std::unique_ptr<Device> open_device(const DeviceRequest& request);

struct CudaState {
  bool built = false;
  std::string unusable;  // why there is no device cuda, for people; empty where there is one
  std::string summary;   // build, driver and devices, one a line
  std::vector<std::string> gpus;  // what is known of each, by its number
};
CudaState cuda_state();

}  // namespace ldc
