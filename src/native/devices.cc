#include "devices.h"

#include <stdexcept>

#include "cpu/device.h"
#include "cuda/device.h"

namespace ldc {

std::unique_ptr<Device> open_device(const DeviceRequest& request) {
  if (request.name == "cpu") return cpu::make_device(request.threads, request.precision == cuda::Precision::bf16);
#ifdef LDC_CUDA
  if (request.name == "cuda") return cuda::make_device(0, request.precision);
#endif
#ifdef LDC_CUDA_EMULATOR
  if (request.name == "cuda-emulated") return cuda::make_emulated_device(request.precision, request.seed, request.checks);
#endif
  throw std::invalid_argument("there is no device '" + request.name + "'");
}

CudaState cuda_state() {
#ifdef LDC_CUDA
  return {true, cuda::why_unusable(), cuda::summary(), cuda::gpus()};
#else
  return {false, "this build has no CUDA", "built without CUDA", {}};
#endif
}

}  // namespace ldc
