using Moe.Inference.Cpu.Threading;

namespace Moe.Inference.Tests.Cpu.Threading;

public class ProcessorListTests
{
    [Theory]
    [InlineData("", new int[0])]
    [InlineData("3", new[] { 3 })]
    [InlineData("0-3,8", new[] { 0, 1, 2, 3, 8 })]
    [InlineData("0,2,4-5", new[] { 0, 2, 4, 5 })]
    public void Lists_are_read_and_written(string text, int[] numbers)
    {
        ProcessorList.Parse(text).Should().Equal(numbers);
        ProcessorList.Text(numbers).Should().Be(text);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("1-")]
    [InlineData("-1")]
    [InlineData("3-1")]
    [InlineData("0-4000000000")]
    [InlineData("65536")]
    [InlineData("1 2")]
    public void What_is_no_list_is_refused(string text) => FluentActions.Invoking(() => ProcessorList.Parse(text)).Should().Throw<FormatException>();
}
