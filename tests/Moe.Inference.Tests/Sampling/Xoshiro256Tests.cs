using Moe.Inference.Sampling;

namespace Moe.Inference.Tests.Sampling;

public class Xoshiro256Tests
{
    [Fact]
    public void The_sequence_is_the_published_one()
    {
        // The vector of the rand_xoshiro crate, made with the authors' C code.
        ulong[] expected =
        [
            11520, 0, 1509978240, 1215971899390074240, 1216172134540287360, 607988272756665600, 16172922978634559625, 8476171486693032832,
            10595114339597558777, 2904607092377533576,
        ];
        Xoshiro256 random = new(1, 2, 3, 4);
        foreach (ulong number in expected)
            random.Next().Should().Be(number);
    }

    [Fact]
    public void Seeding_is_the_published_SplitMix64()
    {
        ulong state = 1234567;
        ulong[] expected = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431, 16408922859458223821];
        foreach (ulong number in expected)
            Xoshiro256.SplitMix64(ref state).Should().Be(number);

        Xoshiro256 seeded = new(1234567), spelledOut = new(expected[0], expected[1], expected[2], expected[3]);
        seeded.Next().Should().Be(spelledOut.Next());
    }

    [Fact]
    public void Doubles_are_below_one()
    {
        Xoshiro256 random = new(0);
        for (int i = 0; i < 100_000; i++)
            Assert.InRange(random.NextDouble(), 0, 1 - Math.Pow(2, -53));
    }
}
