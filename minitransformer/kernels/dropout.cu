// Which units stay, drawn by Philox4x64-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011) just as NumPy's
// Philox draws them. The counter's value is all a thread needs to know, so none waits for another: each makes eight numbers.
#include <cupy/carray.cuh>
#include <cupy/float16.cuh>

typedef unsigned long long Word;

// The four words that belong to a counter and a key.
__device__ void philox(Word counter, Word key, Word words[4]) {
    Word a = counter, b = 0, c = 0, d = 0, other_key = 0;
    for (int round = 0; round < 10; round++) {
        Word low_a = 0xD2E7470EE14C6C93ull * a, high_a = __umul64hi(0xD2E7470EE14C6C93ull, a);
        Word low_c = 0xCA5A826395121157ull * c, high_c = __umul64hi(0xCA5A826395121157ull, c);
        a = high_c ^ b ^ key, b = low_c, c = high_a ^ d ^ other_key, d = low_a;
        key += 0x9E3779B97F4A7C15ull, other_key += 0xBB67AE8584CAA73Bull;
    }
    words[0] = a, words[1] = b, words[2] = c, words[3] = d;
}

// scale where a number drawn evenly from [0, 1) is at least p, else 0.
template <class T> __global__ void dropout_scale(T* out, long long size, Word key, float p, double scale) {
    long long group = (long long)blockIdx.x * blockDim.x + threadIdx.x;
    Word words[4];
    philox(group + 1, key, words);
    for (long long i = 8 * group; i < 8 * group + 8 && i < size; i++) {
        unsigned int half = (unsigned int)(words[i % 8 / 2] >> (i % 2 * 32));
        out[i] = (half >> 8) * (1.0f / 16777216.0f) >= p ? T(scale) : T(0);
    }
}
