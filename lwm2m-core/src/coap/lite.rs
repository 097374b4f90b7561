//! Messages as `coap-lite` has them, for programs that speak with other libraries through its types; our own way
//! from and to bytes is [`Message::parse`] and [`Message::encode`], which are strict and copy less.

use super::{Code, Message, MessageError, MessageKind, OptionNumber, Token};
use alloc::collections::LinkedList;
use bytes::Bytes;
use coap_lite::{CoapOption, MessageClass, MessageType, Packet};

impl From<Code> for MessageClass {
    fn from(code: Code) -> Self {
        MessageClass::from(code.to_byte())
    }
}

impl From<MessageClass> for Code {
    fn from(class: MessageClass) -> Self {
        Code::from_byte(class.into())
    }
}

impl From<OptionNumber> for CoapOption {
    fn from(number: OptionNumber) -> Self {
        CoapOption::from(number.0)
    }
}

impl From<MessageKind> for MessageType {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Confirmable => MessageType::Confirmable,
            MessageKind::NonConfirmable => MessageType::NonConfirmable,
            MessageKind::Acknowledgement => MessageType::Acknowledgement,
            MessageKind::Reset => MessageType::Reset,
        }
    }
}

impl From<MessageType> for MessageKind {
    fn from(kind: MessageType) -> Self {
        match kind {
            MessageType::Confirmable => MessageKind::Confirmable,
            MessageType::NonConfirmable => MessageKind::NonConfirmable,
            MessageType::Acknowledgement => MessageKind::Acknowledgement,
            MessageType::Reset => MessageKind::Reset,
        }
    }
}

impl From<&Message> for Packet {
    fn from(message: &Message) -> Self {
        let mut packet = Packet::new();
        packet.header.set_type(message.kind.into());
        packet.header.code = message.code.into();
        packet.header.message_id = message.id;
        packet.set_token(message.token.as_bytes().to_vec());
        let mut options = message.options.iter().peekable();
        while let Some((number, value)) = options.next() {
            let mut values = LinkedList::from([value.to_vec()]);
            while let Some((_, value)) = options.next_if(|(next, _)| *next == number) {
                values.push_back(value.to_vec());
            }
            packet.set_option(number.into(), values);
        }
        packet.payload = message.payload.to_vec();
        packet
    }
}

impl TryFrom<&Packet> for Message {
    type Error = MessageError;

    /// # Errors
    /// [`MessageError::UnknownVersion`], [`MessageError::TokenLength`].
    fn try_from(packet: &Packet) -> Result<Self, MessageError> {
        if packet.header.get_version() != 1 {
            return Err(MessageError::UnknownVersion);
        }
        let token = Token::new(packet.get_token()).ok_or(MessageError::TokenLength)?;
        let mut message = Message::new(
            packet.header.get_type().into(),
            packet.header.code.into(),
            packet.header.message_id,
            token,
        );
        for (number, values) in packet.options() {
            for value in values {
                let value = Bytes::copy_from_slice(value);
                message.options.append(OptionNumber(*number), value);
            }
        }
        message.payload = Bytes::copy_from_slice(&packet.payload);
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coap::properties::messages;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn both_write_and_read_the_same(message in messages()) {
            let ours = message.encode().unwrap();
            let packet = Packet::from(&message);
            prop_assert_eq!(&packet.to_bytes_unlimited().unwrap(), &ours);
            let read = Packet::from_bytes(&ours).unwrap();
            prop_assert_eq!(Message::try_from(&read).unwrap(), message);
        }
    }

    #[test]
    fn a_packet_that_is_no_message() {
        let mut packet = Packet::new();
        packet.set_token(alloc::vec![0; 9]);
        assert_eq!(Message::try_from(&packet), Err(MessageError::TokenLength));
        let mut packet = Packet::new();
        packet.header.set_version(2);
        assert_eq!(
            Message::try_from(&packet),
            Err(MessageError::UnknownVersion)
        );
    }
}
