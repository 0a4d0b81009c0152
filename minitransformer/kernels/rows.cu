// One block of threads works on one row, a vector of n numbers that lie side by side. Half precision is added up in float.
#include <cupy/carray.cuh>
#include <cupy/float16.cuh>

template <class T> struct Wide { typedef float type; };
template <> struct Wide<double> { typedef double type; };

const int MOST = 256;  // threads in a block, at most; always a power of two

struct Add { template <class A> __device__ A operator()(A a, A b) const { return a + b; } };
struct Max { template <class A> __device__ A operator()(A a, A b) const { return a > b ? a : b; } };

// Every thread brings one value and gets all of them combined.
template <class A, class Op> __device__ A combine(A value, Op op) {
    __shared__ A part[MOST];
    part[threadIdx.x] = value;
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) part[threadIdx.x] = op(part[threadIdx.x], part[threadIdx.x + half]);
        __syncthreads();
    }
    A all = part[0];
    __syncthreads();
    return all;
}

template <class A> __device__ A sum(A value) { return combine(value, Add()); }
template <class A> __device__ A largest(A value) { return combine(value, Max()); }
template <class A> __device__ A minus_infinity() { return -1 / A(0); }
template <class A> __device__ A not_a_number() { return minus_infinity<A>() * A(0); }

// The row of this block in an array of rows of n, and the places of it that this thread takes care of.
#define ROW(array) (array + (long long)blockIdx.x * n)
#define EACH(j) (int j = threadIdx.x; j < n; j += blockDim.x)

// A mask that broadcasts to (batch, heads, queries, keys): strides in elements, 0 where it repeats. kind 0 is no mask,
// 1 a boolean one (true: may look), 2 numbers to add.
struct Mask { const void* data; int kind; long long strides[4]; };

template <class T, class X> struct Scores {
    typedef typename Wide<T>::type A;
    const X* row;
    const char* mask;
    int kind, last;
    long long step;
    A scale;

    __device__ Scores(const X* x, int n, int heads, int queries, A scale, bool causal, const Mask& m)
        : row(ROW(x)), kind(m.kind), step(m.strides[3]), scale(scale) {
        int query = blockIdx.x % queries, head = blockIdx.x / queries % heads, batch = blockIdx.x / queries / heads;
        long long start = batch * m.strides[0] + head * m.strides[1] + query * m.strides[2];
        mask = (const char*)m.data + start * (m.kind == 2 ? sizeof(T) : 1);
        last = causal ? query : n - 1;
    }

    __device__ A operator[](int key) const {
        if (key > last || (kind == 1 && !((const bool*)mask)[key * step])) return minus_infinity<A>();
        A score = A(row[key]) * scale;
        return kind == 2 ? score + A(((const T*)mask)[key * step]) : score;
    }
};

// y = softmax(scale x + mask); zeros where nothing may be looked at. Scores of half precision may come as floats: they are large.
template <class T, class X> __global__ void softmax(
    const X* x, T* y, int n, int heads, int queries, double scale, bool causal, const void* mask, int mask_kind,
    long long over_batch, long long over_heads, long long over_queries, long long over_keys) {
    typedef typename Wide<T>::type A;
    Mask m = {mask, mask_kind, {over_batch, over_heads, over_queries, over_keys}};
    Scores<T, X> score(x, n, heads, queries, A(scale), causal, m);
    A top = minus_infinity<A>(), total = 0;
    for EACH(j) top = score[j] == score[j] ? Max()(top, score[j]) : score[j];
    top = largest(top);
    A shift = top == minus_infinity<A>() ? A(0) : top;
    for EACH(j) total += exp(score[j] - shift);
    total = sum(total);
    for EACH(j) ROW(y)[j] = T(total == 0 ? A(0) : exp(score[j] - shift) / total);
}

// dx = scale s (g - sum_k g_k s_k)
template <class T> __global__ void softmax_vjp(const T* g, const T* s, T* dx, int n, double scale) {
    typedef typename Wide<T>::type A;
    A dot = 0;
    for EACH(j) dot += A(ROW(g)[j]) * A(ROW(s)[j]);
    dot = sum(dot);
    for EACH(j) ROW(dx)[j] = T(A(scale) * A(ROW(s)[j]) * (A(ROW(g)[j]) - dot));
}

// y = (x - mean) / sigma * weight + bias; the mean is 0 where none is to be taken out, as in an RMS norm.
template <class T, bool centred> __global__ void norm(
    const T* x, const T* weight, const T* bias, T* y, typename Wide<T>::type* means, typename Wide<T>::type* rstds, int n, double eps) {
    typedef typename Wide<T>::type A;
    A mean = 0, square = 0;
    if (centred) {
        for EACH(j) mean += A(ROW(x)[j]);
        mean = sum(mean) / n;
        A rest = 0;  // what rounding left: equal numbers are their mean, to the last digit
        for EACH(j) rest += A(ROW(x)[j]) - mean;
        mean += sum(rest) / n;
    }
    for EACH(j) square += (A(ROW(x)[j]) - mean) * (A(ROW(x)[j]) - mean);
    A rstd = 1 / sqrt(sum(square) / n + A(eps));
    for EACH(j) {
        A h = (A(ROW(x)[j]) - mean) * rstd * A(weight[j]);
        ROW(y)[j] = T(centred ? h + A(bias[j]) : h);
    }
    if (threadIdx.x == 0) {
        if (centred) means[blockIdx.x] = mean;
        rstds[blockIdx.x] = rstd;
    }
}

// With h = (x - mean) / sigma and u = g weight: dx = (u - mean(u) - h mean(u h)) / sigma; without mean(u) in an RMS norm.
template <class T, bool centred> __global__ void norm_vjp(
    const T* g, const T* x, const T* weight, const typename Wide<T>::type* means, const typename Wide<T>::type* rstds, T* dx, int n) {
    typedef typename Wide<T>::type A;
    A mean = centred ? means[blockIdx.x] : A(0), rstd = rstds[blockIdx.x], u = 0, uh = 0;
    for EACH(j) {
        u += A(ROW(g)[j]) * A(weight[j]);
        uh += A(ROW(g)[j]) * A(weight[j]) * (A(ROW(x)[j]) - mean) * rstd;
    }
    u = centred ? sum(u) / n : A(0);
    uh = sum(uh) / n;
    for EACH(j) ROW(dx)[j] = T((A(ROW(g)[j]) * A(weight[j]) - u - (A(ROW(x)[j]) - mean) * rstd * uh) * rstd);
}

// dweight = sum over rows of g h, dbias = sum over rows of g: one block a column.
template <class T, bool centred> __global__ void norm_parameters_vjp(
    const T* g, const T* x, const typename Wide<T>::type* means, const typename Wide<T>::type* rstds, T* dweight, T* dbias,
    int rows, int n) {
    typedef typename Wide<T>::type A;
    A dw = 0, db = 0;
    for (int row = threadIdx.x; row < rows; row += blockDim.x) {
        long long at = (long long)row * n + blockIdx.x;
        dw += A(g[at]) * (A(x[at]) - (centred ? means[row] : A(0))) * rstds[row];
        db += A(g[at]);
    }
    dw = sum(dw);
    db = sum(db);
    if (threadIdx.x == 0) {
        dweight[blockIdx.x] = T(dw);
        if (centred) dbias[blockIdx.x] = T(db);
    }
}

// loss = ln total - (1 - smoothing) z[target] - smoothing mean(z), z = x - max, total = sum e^z; NaN for a target that is no class.
template <class T> __global__ void cross_entropy(
    const T* x, const long long* target, T* loss, typename Wide<T>::type* shifts, typename Wide<T>::type* totals, int n, double smoothing) {
    typedef typename Wide<T>::type A;
    A top = minus_infinity<A>(), total = 0, mean = 0;
    for EACH(j) top = Max()(top, A(ROW(x)[j]));
    top = largest(top);
    if (top == minus_infinity<A>()) top = 0;
    for EACH(j) {
        total += exp(A(ROW(x)[j]) - top);
        mean += (A(ROW(x)[j]) - top) / n;
    }
    total = sum(total);
    if (smoothing) mean = sum(mean);
    if (threadIdx.x == 0) {
        long long c = target[blockIdx.x];
        A picked = 0 <= c && c < n ? A(ROW(x)[c]) - top : not_a_number<A>();
        A kept = log(total) - A(1 - smoothing) * picked;
        loss[blockIdx.x] = T(smoothing ? kept - A(smoothing) * mean : kept);
        shifts[blockIdx.x] = top;
        totals[blockIdx.x] = total;
    }
}

// dx = g (softmax(x) - (1 - smoothing) onehot(target) - smoothing / n)
template <class T> __global__ void cross_entropy_vjp(
    const T* g, const T* x, const long long* target, const typename Wide<T>::type* shifts, const typename Wide<T>::type* totals, T* dx,
    int n, double smoothing) {
    typedef typename Wide<T>::type A;
    A share = A(smoothing / n);
    for EACH(j) {
        A hit = j == target[blockIdx.x] ? A(1 - smoothing) : A(0);
        ROW(dx)[j] = T(A(g[blockIdx.x]) * (exp(A(ROW(x)[j]) - shifts[blockIdx.x]) / totals[blockIdx.x] - share - hit));
    }
}
