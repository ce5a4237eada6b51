// A tensor as the kernels see it: a view (pointer, type, shape, layout) into memory that a device owns.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ldc {

// bf16: the upper half of a float32, features only. Kernels compute in float32; what they store is rounded to the nearest, ties to even.
enum class DType : uint8_t { f32, i32, u8, bf16 };

constexpr size_t bytes_of(DType type) { return type == DType::u8 ? 1 : type == DType::bf16 ? 2 : 4; }

struct Bf16 {
  uint16_t bits;
};

// How the elements lie in memory.
//   dense     row-major, any rank up to 5: weights, vectors, matrices, labels, scalars (rank 0)
//   features  an activation, logically [N,C,H,W]; the device's private order (features.h of the backend)
//   packed    convolution weights in the device's kernel order; rank 1, opaque
enum class Layout : uint8_t { dense, features, packed };

constexpr int kMaxRank = 5;

struct Tensor {
  void* data = nullptr;
  DType dtype = DType::f32;
  Layout layout = Layout::dense;
  int rank = 0;
  int64_t shape[kMaxRank] = {1, 1, 1, 1, 1};

  // A kernel argument that may be left out is a Tensor without data.
  explicit operator bool() const { return data != nullptr; }

  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
  float* f32() const { return as<float>(); }
  int32_t* i32() const { return as<int32_t>(); }
  uint8_t* u8() const { return as<uint8_t>(); }

  int64_t n() const { return shape[0]; }
  int64_t c() const { return shape[1]; }
  int64_t h() const { return shape[2]; }
  int64_t w() const { return shape[3]; }

  // Logical number of elements: padding of the features layout is not counted.
  int64_t elements() const {
    int64_t count = 1;
    for (int i = 0; i < rank; ++i) count *= shape[i];
    return count;
  }
};

// One entry a parameter, for the kernels that walk over all parameters at once.
struct TensorList {
  const Tensor* data = nullptr;
  int64_t count = 0;
  const Tensor& operator[](int64_t i) const { return data[i]; }
};

}  // namespace ldc
