using System.Numerics;

namespace Moe.Inference.Sampling;

/// <summary>
/// Finds the k greatest of many numbers in one pass: a heap of the best k so far, its worst on top, and a vector comparison that skips
/// what cannot enter. Of equal numbers the one at the lower position is the greater. Reusable; nothing is allocated after construction.
/// </summary>
/// <param name="capacity">The k: how many numbers are found at most.</param>
internal sealed class TopSelection(int capacity)
{
    private readonly int[] _positions = new int[capacity];
    private readonly float[] _values = new float[capacity];
    private int _count;

    /// <summary>
    /// Positions of the greatest numbers, in ascending order of position; negative infinities and NaN are never among them.
    /// </summary>
    public ReadOnlySpan<int> Find(ReadOnlySpan<float> numbers)
    {
        Collect(numbers);
        Span<int> found = _positions.AsSpan(0, _count);
        found.Sort();
        return found;
    }

    /// <summary>Positions of the greatest numbers, the greatest first; negative infinities and NaN are never among them.</summary>
    public ReadOnlySpan<int> FindOrdered(ReadOnlySpan<float> numbers)
    {
        Collect(numbers);
        int found = _count;
        while (_count > 1)
        {
            int worst = _positions[0];
            _count--;
            Sink(_positions[_count], _values[_count]);
            _positions[_count] = worst;
        }
        return _positions.AsSpan(0, found);
    }

    private void Collect(ReadOnlySpan<float> numbers)
    {
        _count = 0;
        if (capacity == 0)
            return;
        float bound = float.NegativeInfinity;
        int i = 0;
        for (; i + Vector<float>.Count <= numbers.Length; i += Vector<float>.Count)
        {
            if (Vector.GreaterThanAny(new Vector<float>(numbers[i..]), new Vector<float>(bound)))
                bound = Offer(numbers, i, i + Vector<float>.Count, bound);
        }
        Offer(numbers, i, numbers.Length, bound);
    }

    private float Offer(ReadOnlySpan<float> numbers, int from, int to, float bound)
    {
        for (int i = from; i < to; i++)
        {
            if (!(numbers[i] > bound))
                continue;
            if (_count < capacity)
                Rise(i, numbers[i]);
            else
                Sink(i, numbers[i]);
            if (_count == capacity)
                bound = _values[0];
        }
        return bound;
    }

    /// <summary>Adds an entry at the heap's end and moves it up to its place.</summary>
    private void Rise(int position, float value)
    {
        int slot = _count++;
        while (slot > 0)
        {
            int parent = (slot - 1) / 2;
            if (!Worse(position, value, _positions[parent], _values[parent]))
                break;
            (_positions[slot], _values[slot]) = (_positions[parent], _values[parent]);
            slot = parent;
        }
        (_positions[slot], _values[slot]) = (position, value);
    }

    /// <summary>Replaces the worst entry, on top, and moves the new one down to its place.</summary>
    private void Sink(int position, float value)
    {
        int slot = 0;
        while (true)
        {
            int child = (2 * slot) + 1;
            if (child >= _count)
                break;
            if (child + 1 < _count && Worse(_positions[child + 1], _values[child + 1], _positions[child], _values[child]))
                child++;
            if (!Worse(_positions[child], _values[child], position, value))
                break;
            (_positions[slot], _values[slot]) = (_positions[child], _values[child]);
            slot = child;
        }
        (_positions[slot], _values[slot]) = (position, value);
    }

    private static bool Worse(int position, float value, int thanPosition, float thanValue) =>
        value < thanValue || (value == thanValue && position > thanPosition);
}
